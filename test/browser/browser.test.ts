// iter/ and plan/ in a browser: headless Chromium runs the same random programs as Node, with the same outcome.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { needs } from '../support/needs.js';
import { runSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { runPrograms } from './programs.js';

const DIST: string = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES: string = fileURLToPath(new URL('../../../src/', import.meta.url));
/** All that the browser may ask for: whatever else were imported would not be found, and the page would stay empty. */
const SERVED = /^\/(?:src\/(?:base|iter|plan)|test\/browser)\/[a-z0-9-]+\.js$/;
const HTML = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/test/browser/page.js"></script>';
const COUNT = 1500;
const TIMEOUT_MS = 120_000;
const LINES_MAX = 2500;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--disable-dev-shm-usage',
  '--virtual-time-budget=60000',
  '--dump-dom',
];

/** Below 2^32 with all that is added to it. */
const SEED: number = runSeed() % 1_000_000_000;

function serve(refused: string[]): Server {
  return createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/') {
      response.setHeader('content-type', 'text/html').end(HTML);
    } else if (SERVED.test(path)) {
      response.setHeader('content-type', 'text/javascript').end(readFileSync(join(DIST, path)));
    } else {
      if (path !== '/favicon.ico') refused.push(path);
      response.writeHead(404).end();
    }
  });
}

test('random programs in Node', () => {
  assert.equal(runPrograms(SEED, COUNT).programs, 2 * COUNT);
});

test('the same programs in Chromium', async (t) => {
  if (!needs(t, 'chromium')) return;
  const refused: string[] = [];
  const server = serve(refused);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const profile = tempDirectory(t);
  const url = `http://127.0.0.1:${port}/?seed=${SEED}&count=${COUNT}`;
  // What a browser leaves in its home goes with the profile.
  const env = { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile };
  const options = { env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 24 } as const;
  const { stdout } = await promisify(execFile)('chromium', [...FLAGS, `--user-data-dir=${profile}`, url], options);
  assert.deepEqual(refused, [], 'nothing outside of base, iter and plan is asked for');
  const found = /result (\S+) end/.exec(stdout)?.[1];
  assert.ok(found !== undefined, `the page has a result: ${stdout}`);
  assert.deepEqual(JSON.parse(decodeURIComponent(found)), runPrograms(SEED, COUNT), `DIORITE_SEED=${SEED}`);
});

test('iter and plan together stay small', (t) => {
  const lines = ['iter', 'plan'].flatMap((layer) =>
    readdirSync(join(SOURCES, layer))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .flatMap((name) =>
        readFileSync(join(SOURCES, layer, name), 'utf8')
          .split('\n')
          .slice(0, -1),
      ),
  );
  t.diagnostic(`${lines.length} lines`);
  assert.ok(lines.length < LINES_MAX, `${lines.length} lines of at most ${LINES_MAX}`);
});
