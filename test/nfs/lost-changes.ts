// Changes of a directory whose answers get lost, in every version: what is asked, and how one sees that it was done.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { NfsProtocol } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { connectV4 } from '../../src/targets/nfs/v4/protocol-v4.js';
import { type MockOptions, type MockServer, startMock } from './mock/mock-server.js';

export interface Place {
  readonly server: MockServer;
  readonly protocol: NfsProtocol;
  /** `/export` */
  readonly root: Uint8Array;
}

export async function startPlace(t: TestContext, version: '3' | '4.1', options: MockOptions = {}): Promise<Place> {
  const hooks: (() => void | Promise<void>)[] = [];
  const server = await startMock({ after: (hook) => hooks.push(hook) }, options);
  server.putFile('/export/file', Buffer.from('bytes'));
  server.putFile('/export/directory/inner', Buffer.from('inner'));
  const { settings, path } = parseNfsUrl(server.url(version, '/export'));
  const { protocol } = await (version === '3' ? connectV3 : connectV4)(settings, path);
  // The protocol says goodbye to a server that is still there.
  t.after(async () => {
    server.faults.clear();
    await protocol.close();
    for (const hook of hooks) await hook();
  });
  const { handle } = version === '3' ? protocol.root : await protocol.lookup(protocol.root.handle, 'export');
  return { server, protocol, root: handle };
}

export interface Change {
  /** The call whose answer is lost. */
  readonly on: { readonly '3': string; readonly '4.1': string };
  ask(place: Place): Promise<unknown>;
  /** It is done. */
  check(place: Place): void;
  /** What it is answered when it is asked for again. */
  readonly again: string;
}

export function has(server: MockServer, name: string): boolean {
  return server.tree.at('/export').entries.has(name);
}

export const CHANGES: Readonly<Record<string, Change>> = {
  remove: {
    on: { '3': 'REMOVE', '4.1': 'REMOVE' },
    ask: ({ protocol, root }) => protocol.remove(root, 'file'),
    check: ({ server }) => assert.ok(!has(server, 'file')),
    again: 'ENOENT',
  },
  removeDirectory: {
    on: { '3': 'RMDIR', '4.1': 'REMOVE' },
    async ask({ server, protocol, root }) {
      if (has(server, 'directory')) server.tree.at('/export/directory').entries.clear();
      await protocol.removeDirectory(root, 'directory');
    },
    check: ({ server }) => assert.ok(!has(server, 'directory')),
    again: 'ENOENT',
  },
  makeDirectory: {
    on: { '3': 'MKDIR', '4.1': 'CREATE' },
    ask: ({ protocol, root }) => protocol.makeDirectory(root, 'new', 0o750),
    check: ({ server }) => assert.equal(server.tree.at('/export/new').mode, 0o750),
    again: 'EEXIST',
  },
  symlink: {
    on: { '3': 'SYMLINK', '4.1': 'CREATE' },
    ask: ({ protocol, root }) => protocol.symlink(root, 'new', 'somewhere'),
    check: ({ server }) => assert.equal(server.tree.at('/export/new').to, 'somewhere'),
    again: 'EEXIST',
  },
  link: {
    on: { '3': 'LINK', '4.1': 'LINK' },
    async ask({ protocol, root }) {
      await protocol.link((await protocol.lookup(root, 'file')).handle, root, 'new');
    },
    check: ({ server }) => assert.equal(server.tree.at('/export/new'), server.tree.at('/export/file')),
    again: 'EEXIST',
  },
  rename: {
    on: { '3': 'RENAME', '4.1': 'RENAME' },
    ask: ({ protocol, root }) => protocol.rename(root, 'file', root, 'new'),
    check: ({ server }) => assert.ok(has(server, 'new') && !has(server, 'file')),
    again: 'ENOENT',
  },
  'open, exclusive': {
    on: { '3': 'CREATE', '4.1': 'OPEN' },
    ask: ({ protocol, root }) =>
      protocol.open(root, 'new', { reads: true, writes: true, create: 'exclusive', mode: 0o604 }),
    check: ({ server }) => assert.equal(server.tree.at('/export/new').mode, 0o604),
    again: 'EEXIST',
  },
};

export const UNCHECKED: Change = {
  on: { '3': 'CREATE', '4.1': 'OPEN' },
  ask: ({ protocol, root }) =>
    protocol.open(root, 'new', { reads: true, writes: true, create: 'unchecked', mode: 0o604 }),
  check: ({ server }) => assert.equal(server.tree.at('/export/new').mode, 0o604),
  again: '',
};
