// A server that goes away, or says nothing any more, in the middle: told within the timeout, and nobody waits for it twice.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { copy, open } from '../../src/index.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { tempDirectory } from '../support/temp.js';
import type { NfsVersion } from './ganesha.js';
import { type MockServer, startMock } from './mock/mock-server.js';

const BYTES = Buffer.alloc(200_001, 'diorite');
const REQUEST_BYTES = 8192;
/** In tenths of a second. */
const TIMEO = '20';
const TIMEOUT_MS = 2_000;
/** Beside the timeout itself, of a machine that has much else to do: what is told late is told from what hangs. */
const SLACK_MS = 20_000;

interface Bench {
  readonly server: MockServer;
  readonly source: string;
  readonly back: string;
  url(name: string, more?: Readonly<Record<string, string>>): string;
}

async function start(t: TestContext, version: NfsVersion): Promise<Bench> {
  const server = await startMock(t);
  server.putFile('/export/there', BYTES);
  const local = tempDirectory(t);
  const source = join(local, 'source');
  writeFileSync(source, BYTES);
  const url = (name: string, more: Readonly<Record<string, string>> = {}): string =>
    server.url(version, `/export/${name}`, { timeo: TIMEO, ...more }).href;
  return { server, source, back: join(local, 'back'), url };
}

/** From the first READ or WRITE on. */
const ENDS: Readonly<Record<string, (server: MockServer) => void>> = {
  'says nothing any more': (server) => {
    let isSilent = false;
    server.fault({
      on: '*',
      times: Number.POSITIVE_INFINITY,
      where: ({ names }) => {
        isSilent ||= names.includes('READ') || names.includes('WRITE');
        return isSilent;
      },
      fault: { kind: 'hold', carriedOut: false },
    });
  },
  'goes away': (server) => {
    for (const on of ['READ', 'WRITE']) server.fault({ on, fault: { kind: 'run', after: () => void server.down() } });
  },
};

async function failureOf(work: Promise<unknown>): Promise<DioriteError> {
  const startedMs = performance.now();
  const error: unknown = await work.then(
    () => assert.fail('it ended well'),
    (reason: unknown) => reason,
  );
  const tookMs = performance.now() - startedMs;
  assert.ok(error instanceof DioriteError, String(error));
  assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `it took ${tookMs} ms`);
  return error;
}

after(() => assert.equal(nfsConnections.size, 0, 'no connection is left'));

for (const version of ['3', '4.1'] as const) {
  for (const [what, end] of Object.entries(ENDS)) {
    describe(`NFS ${version}: a server that ${what}`, { concurrency: true }, () => {
      it('ends a copy to it, and one from it', async (t) => {
        const { server, source, back, url } = await start(t, version);
        end(server);
        const error = await failureOf(copy(source, url('new'), { requestBytes: REQUEST_BYTES }));
        assert.equal(error.code, 'ETIMEDOUT');
        assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
        assert.equal(server.tree.at('/export').entries.has('new'), false);
        server.faults.clear();
        await server.down();
        await server.up();
        end(server);
        assert.equal((await failureOf(copy(url('there'), back, { requestBytes: REQUEST_BYTES }))).code, 'ETIMEDOUT');
        assert.equal(existsSync(back), false);
      });

      it('ends a write, and its file can be closed', async (t) => {
        const { server, url } = await start(t, version);
        const file = await open(url('there'), 'r+', { requestBytes: REQUEST_BYTES });
        end(server);
        const error = await failureOf(file.write(Buffer.alloc(50_000), { position: 0 }));
        assert.equal(error.code, 'ETIMEDOUT');
        assert.ok(error.extents?.every(({ state }) => state === 'unknown' || state === 'failed'));
        // What the server took before may be lost with it, and that is told as well.
        await Promise.allSettled([file.close()]);
      });

      it('is tried for ever where that was asked for, until an abort', async (t) => {
        const { server, source, url } = await start(t, version);
        end(server);
        const controller = new AbortController();
        const copying = copy(source, url('new', { hard: '' }), {
          requestBytes: REQUEST_BYTES,
          signal: controller.signal,
        });
        let isEnded = false;
        const ended = copying
          .catch(() => undefined)
          .then(() => {
            isEnded = true;
          });
        await new Promise((resolve) => setTimeout(resolve, 2 * TIMEOUT_MS));
        assert.equal(isEnded, false);
        controller.abort();
        assert.equal((await failureOf(copying)).name, 'AbortError');
        await ended;
      });
    });
  }
}
