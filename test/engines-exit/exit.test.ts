// However a thread ends, the kernel has let go of its memory before: nothing crashes, hangs or stays behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { acquireUring } from '../../src/targets/file/engines/choose.js';
import { runChild } from '../support/children.js';
import { hasAddon } from '../support/needs.js';
import { runSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';

const READER = new URL('reader.js', import.meta.url);
const IDLE = new URL('idle.js', import.meta.url);
const acquired = acquireUring();
const URING = 'reason' in acquired ? { skip: acquired.reason } : {};
const THREADS = hasAddon() ? {} : { skip: 'needs the addon' };

function bigFile(t: TestContext): string {
  const path = join(tempDirectory(t), 'file');
  fs.writeFileSync(path, Buffer.alloc(16 << 20, 0xab));
  return path;
}

for (const [engine, needed] of [
  ['uring', URING],
  ['threads', THREADS],
] as const) {
  test(`${engine}: 50 workers are terminated at random moments of heavy reads`, needed, async (t) => {
    const seed = runSeed();
    const args = [bigFile(t), engine, 'terminate', '50', String(seed)];
    const { code, signal, stdout, stderr } = await runChild(READER, { args });
    const what = `DIORITE_SEED=${seed} ${stderr}`;
    assert.equal(signal, null, what);
    assert.equal(code, 0, what);
    assert.match(stdout, /terminated/);
  });

  for (const [way, expected] of [
    ['exit', 7],
    ['throw', 1],
  ] as const) {
    test(`${engine}: the process ends by ${way} in the middle of heavy reads`, needed, async (t) => {
      const path = bigFile(t);
      for (let round = 0; round < 5; round++) {
        const seed = runSeed();
        const { code, signal, stderr } = await runChild(READER, { args: [path, engine, way, '1', String(seed)] });
        assert.equal(signal, null, `DIORITE_SEED=${seed} ${stderr}`);
        assert.equal(code, expected, `DIORITE_SEED=${seed} ${stderr}`);
      }
    });
  }
}

test(
  'a ring keeps the process alive while something is in flight, and no longer; children inherit nothing',
  URING,
  async (t) => {
    const { code, stdout, stderr } = await runChild(IDLE, { args: [bigFile(t)] });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'read 4096 4096\n');
  },
);

test('a worker whose read cannot end is terminated all the same', URING, async () => {
  const child = spawn(process.execPath, [fileURLToPath(IDLE), 'PIPE'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  child.stdin.destroy();
  assert.deepEqual([code, signal], [3, null]);
});

test('DIORITE_ENGINE=threads turns the ring off', URING, async () => {
  const url = new URL('../../src/targets/file/engines/choose.js', import.meta.url).href;
  const script = `import(${JSON.stringify(url)}).then((m) => console.log(m.chooseEngine('uring').engine.name, m.uringFeatures().reason))`;
  const env = { ...process.env, DIORITE_ENGINE: 'threads' };
  const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child, 'close');
  assert.match(said, /^threads .*DIORITE_ENGINE/);
});
