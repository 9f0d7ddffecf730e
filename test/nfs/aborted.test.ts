// A copy that is aborted while a server says nothing, at every message of it: it ends soon, however patient calls are.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { copy, open } from '../../src/index.js';
import { COURTESY_MS } from '../../src/targets/net/within.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { memoryDirectory } from '../support/temp.js';
import type { NfsVersion } from './ganesha.js';
import { startMock } from './mock/mock-server.js';

const BYTES = Buffer.alloc(20_001, 'diorite');
const OPTIONS = { requestBytes: 8192, verify: true } as const;
/** No copy here takes so many messages: an endless loop shows as a failure. */
const MESSAGES_MAX = 120;
/** Most wait for a timer. */
const AT_A_TIME = 40;
/** For what is asked, then for the server to be told goodbye; and what a busy machine needs besides. */
const ENDED_MS = 2 * COURTESY_MS + 20_000;
/** Calls are tried for ever; to connect may take so long, which is longer than that. In tenths of a second. */
const PATIENT = { hard: '', timeo: '600' } as const;

/** False: there is no such message. */
async function silentFrom(
  nth: number,
  version: NfsVersion,
  from: 'server' | 'client',
  local: string,
): Promise<boolean> {
  const hooks: (() => void | Promise<void>)[] = [];
  const server = await startMock({ after: (hook) => hooks.push(hook) });
  server.putFile('/export/source', BYTES);
  mkdirSync(local);
  writeFileSync(join(local, 'source'), BYTES);
  const url = (name: string): string => server.url(version, `/export/${name}`, PATIENT).href;
  let seen = 0;
  const silence = server.fault({
    on: '*',
    times: Number.POSITIVE_INFINITY,
    where: () => ++seen >= nth,
    fault: { kind: 'hold', carriedOut: nth % 2 === 0 },
  });
  const controller = new AbortController();
  const [source, to] = from === 'server' ? [url('source'), join(local, 'new')] : [join(local, 'source'), url('new')];
  const outcome = copy(source, to, { ...OPTIONS, signal: controller.signal }).then(
    () => null,
    (error: unknown) => error,
  );
  try {
    await Promise.race([silence.hit(), outcome]);
    if (silence.hits === 0) {
      assert.equal(await outcome, null);
      return false;
    }
    const startedMs = performance.now();
    controller.abort();
    const error = await outcome;
    const tookMs = performance.now() - startedMs;
    const what = `NFS ${version}, silent from message ${nth} on`;
    // What only says goodbye may be aborted and have been copied all the same.
    assert.ok(error === null || (error instanceof Error && error.name === 'AbortError'), `${what}: ${String(error)}`);
    assert.ok(tookMs < ENDED_MS, `${what}: it took ${tookMs} ms`);
    assert.equal(existsSync(join(local, 'new')), error === null && from === 'server');
    return true;
  } finally {
    server.faults.clear();
    for (const hook of hooks) await hook();
  }
}

after(() => assert.equal(nfsConnections.size, 0, 'no connection is left'));

async function everyMessage(t: TestContext, version: NfsVersion, from: 'server' | 'client'): Promise<void> {
  const local = memoryDirectory(t);
  for (let first = 1; first < MESSAGES_MAX; first += AT_A_TIME) {
    const numbers = Array.from({ length: AT_A_TIME }, (_, i) => first + i);
    const struck = await Promise.all(numbers.map((nth) => silentFrom(nth, version, from, join(local, String(nth)))));
    if (!struck.every(Boolean)) return t.diagnostic(`${first - 1 + struck.filter(Boolean).length} messages`);
  }
  assert.fail('it does not end');
}

for (const version of ['3', '4.2'] as const) {
  describe(`NFS ${version}: a silent server and an abort`, () => {
    it('end a copy to it, at every message', (t) => everyMessage(t, version, 'client'));
    it('end a copy from it, at every message', (t) => everyMessage(t, version, 'server'));

    it('end nothing else on the same connection', async (t) => {
      const server = await startMock(t);
      server.putFile('/export/file', BYTES);
      const local = memoryDirectory(t);
      writeFileSync(join(local, 'source'), BYTES);
      const url = (name: string): string => server.url(version, `/export/${name}`, { hard: '', timeo: '30' }).href;
      const file = await open(url('file'), 'r+');
      const silence = server.fault({
        on: '*',
        times: Number.POSITIVE_INFINITY,
        fault: { kind: 'hold', carriedOut: false },
      });
      const controller = new AbortController();
      const copying = copy(join(local, 'source'), url('new'), { signal: controller.signal });
      const written = file.write(BYTES, { position: 5 });
      await silence.hit();
      controller.abort();
      await assert.rejects(copying, { name: 'AbortError' });
      assert.equal(nfsConnections.size, 1);
      server.faults.clear();
      assert.equal((await written).bytesWritten, BYTES.length);
      await file.close();
    });
  });
}
