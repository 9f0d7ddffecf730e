// Streams to servers: bytes that cannot be read again are kept until the server has them for good.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { copyWith } from '../../src/copy/copy.js';
import { NfsPlace } from '../../src/copy/nfs/nfs-place.js';
import type { CopyResult } from '../../src/index.js';
import { NfsConnections } from '../../src/targets/nfs/connections.js';
import { shell } from '../cli/shell.js';
import { pipeOf } from '../copy/fifo.js';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { FakeProtocol, nthFault } from './fake-protocol.js';
import { requireGanesha, startGanesha } from './ganesha.js';

const MIB = 1024 * 1024;

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  return bytes;
}

test('a server that restarts at any moment loses nothing of a stream', async (t) => {
  const bytes = bytesOf(1_500_000);
  const source = join(tempDirectory(t), 'source');
  writeFileSync(source, bytes);
  for (const operation of ['startWrite', 'commit'] as const)
    for (const restart of ['before', 'after'] as const)
      for (const nth of [1, 3]) {
        const server = new FakeProtocol({});
        const connections = new NfsConnections([
          { name: '4.2', load: async () => async (_settings, path) => ({ protocol: server, rest: path.slice(1) }) },
        ]);
        const places = { 'nfs:': async () => new NfsPlace(connections) };
        server.faults = nthFault(operation, nth, { restart });
        const options = { requestBytes: 65536, depth: 4, verify: true };
        const result = await copyWith(pipeOf(t, source), 'nfs://server/copy', options, { places });
        assert.ok(Buffer.from(server.bytesOf('copy')).equals(bytes), `${operation} ${nth} ${restart}`);
        assert.ok(server.allDurable);
        assert.deepEqual([result.stable, result.stagedBytes], [true, bytes.length]);
        assert.equal(server.openFiles, 0);
      }
});

test('a pipe to nfs-ganesha and back', async (t) => {
  if (!requireGanesha(t)) return;
  const server = await startGanesha(t);
  const path = mkdtempSync(join(server.vfsDirectory, 'd-'));
  const directory = tempDirectory(t);
  const bytes = bytesOf(17 * MIB + 333);
  const FILE = join(directory, 'file');
  writeFileSync(FILE, bytes);
  for (const version of ['3', '4.1', '4.2'] as const) {
    const THERE = server.url(version, `${server.exportPath}/${basename(path)}/copy-${version}`).href;
    const OUT = join(directory, `out-${version}`);
    const there = await shell('cat "$FILE" | diorite copy - "$THERE" "$OUT" --verify --json', { FILE, THERE, OUT });
    assert.equal(there.code, 0, there.stderr);
    for (const name of [join(path, `copy-${version}`), OUT]) assert.ok(readFileSync(name).equals(bytes), name);
    const one = await shell('cat "$FILE" | diorite copy - "$THERE" --force --json', { FILE, THERE });
    assert.equal(one.code, 0, one.stderr);
    const result: CopyResult = JSON.parse(one.stdout.toString());
    assert.deepEqual([result.engine, result.stable, result.stagedBytes], [`nfs${version}`, true, bytes.length]);
    const back = await shell('diorite copy "$THERE" - | cmp - "$FILE"', { FILE, THERE });
    assert.equal(back.code, 0, back.stderr);
  }
});
