// NFS files of a server in memory as subjects of the suite: every protocol version looks like this to the target.
import { NfsTarget } from '../../src/targets/nfs/nfs-target.js';
import { FakeProtocol, nthFault } from '../nfs/fake-protocol.js';
import type { OpenOptions, Subject } from './subject.js';

const OPERATIONS = { read: 'startRead', write: 'startWrite', sync: 'commit' } as const;
/** Small, so that small files take several requests. */
const REQUEST_BYTES = 65_536;

export interface OpenedNfs {
  readonly protocol: FakeProtocol;
  readonly target: NfsTarget;
}

/** `/file` of the fake server, opened for both. */
export async function openNfs(protocol: FakeProtocol, contents: Uint8Array, requestBytes?: number): Promise<OpenedNfs> {
  protocol.putFile('/file', contents);
  const options = { reads: true, writes: true, create: 'never' } as const;
  const { file, attributes } = await protocol.open(protocol.root.handle, 'file', options);
  const name = 'nfs://fake/file';
  const release = (): Promise<void> => Promise.resolve();
  return { protocol, target: new NfsTarget({ name, protocol, file, attributes, requestBytes, release }) };
}

/** `version`: 3 has no holes. */
export function nfs(version: '3' | '4.1' | '4.2'): Subject {
  return {
    name: `nfs: ${version}, a server in memory`,
    properties: {
      seekable: true,
      knowsSize: true,
      grows: true,
      durable: 'answer',
      failedSync: 'poisons',
      holes: version === '4.2',
      layout: false,
      rewritesEnds: false,
      publishes: false,
      releases: 'durable',
    },
    async open(_t, { contents = new Uint8Array(0), fails }: OpenOptions) {
      const protocol = new FakeProtocol({ version });
      if (fails !== undefined) protocol.faults = nthFault(OPERATIONS[fails.on], fails.at, { error: 'EIO' });
      const { target } = await openNfs(protocol, contents, REQUEST_BYTES);
      return {
        target,
        peek: async (offset, bytes) => protocol.bytesOf('/file').slice(offset, offset + bytes),
      };
    },
  };
}
