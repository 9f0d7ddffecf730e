// A directory of 100,000 names: all of them, each once, as a list and as a stream that asks for no more than is taken.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NfsClient } from '../../src/nfs.js';
import { type MockServer, startMock } from './mock/mock-server.js';

const COUNT = 100_000;
const NAMES: readonly string[] = Array.from({ length: COUNT }, (_, i) => `name ${i} ${'x'.repeat(i % 40)}`);
const EXPECTED: readonly string[] = NAMES.toSorted();
const CALLS = ['READDIR', 'READDIRPLUS'];

function partsOf(server: MockServer): number {
  return CALLS.reduce((sum, name) => sum + server.counts.calls(name), 0);
}

describe('a directory of 100,000 names', () => {
  it('is listed by NFS 3, and streamed by NFS 4.1', async (t) => {
    const server = await startMock(t);
    for (const name of NAMES) server.putFile(`/export/large/${name}`, new Uint8Array(0));
    const startedMs = performance.now();
    await using lists = await NfsClient.connect(server.url('3', '/export'));
    assert.deepEqual((await lists.readdir('large')).toSorted(), EXPECTED);
    const listedMs = performance.now();
    const parts = partsOf(server);
    assert.ok(parts > 10, `${parts} parts`);
    await using streams = await NfsClient.connect(server.url('4.1', '/export'));
    const seen: string[] = [];
    for await (const { name } of await streams.opendir('large')) {
      // One part in hand, one on its way.
      if (seen.length === 0) assert.ok(partsOf(server) - parts <= 2, `${partsOf(server) - parts} parts were asked for`);
      seen.push(name);
    }
    assert.deepEqual(seen.toSorted(), EXPECTED);
    const [list, stream] = [listedMs - startedMs, performance.now() - listedMs].map((ms) => ms.toFixed(0));
    t.diagnostic(`readdir ${list} ms, opendir ${stream} ms`);
  });
});
