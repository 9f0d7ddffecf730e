// Every example runs, and says what it promises.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runChild } from '../support/children.js';
import { tempDirectory } from '../support/temp.js';

const EXAMPLES = new URL('../../examples/', import.meta.url);

interface Expectation {
  /** Arguments in the test's own directory. */
  readonly args: (directory: string) => string[];
  readonly prints: readonly RegExp[];
  readonly check?: (directory: string) => void;
}

/** Examples that go on until they are stopped have tests of their own. */
const SERVERS = ['upload-server'];

const EXPECTED: Readonly<Record<string, Expectation>> = {
  'scattered-write': {
    args: (directory) => [join(directory, 'file')],
    prints: [/^1048576 bytes, requests: \d+, io: \S+$/m, /^\d+ bytes were copied, \d+ went through the page cache$/m],
    check: (directory) => {
      const bytes = readFileSync(join(directory, 'file'));
      for (let piece = 0; piece < 64; piece++)
        assert.ok(bytes.subarray(piece * 16_384, (piece + 1) * 16_384).every((b) => b === piece));
    },
  },
  'unaligned-read': {
    args: () => [process.execPath],
    prints: [
      /^1001 bytes in 1 request/m,
      new RegExp(`^${readFileSync(process.execPath).subarray(12_345, 12_361).toString('hex')}$`, 'm'),
    ],
  },
  'show-plan': { args: () => [], prints: [/as many bytes as are best/, /misaligned memory/] },
  'copy-file': {
    args: (directory) => [process.execPath, join(directory, 'copy')],
    prints: [/^copy: \d+ bytes$/m, /^verify: \d+ bytes$/m, /verified: true/],
    check: (directory) => assert.equal(statSync(join(directory, 'copy')).size, statSync(process.execPath).size),
  },
  'flush-buffer-pool': {
    args: (directory) => [join(directory, 'pool')],
    prints: [/^262144 bytes of 64 scattered frames, requests: \d+, io: \S+$/m, /^every page is where it belongs$/m],
  },
  ledger: {
    args: (directory) => [join(directory, 'file')],
    prints: [/^ABORT_ERR: the first \d+ bytes are done$/m, /^done: \d+ bytes at 0$/m, /^failed: \d+ bytes at \d+$/m],
  },
};

const names = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.js'))
  .map((name) => name.slice(0, -'.js'.length));

test('each example is expected to print something', () => {
  assert.deepEqual(names.sort(), [...Object.keys(EXPECTED), ...SERVERS].sort());
});

for (const [name, { args, prints, check }] of Object.entries(EXPECTED)) {
  test(name, async (t) => {
    const directory = tempDirectory(t);
    const { code, stdout, stderr } = await runChild(new URL(`${name}.js`, EXAMPLES), { args: args(directory) });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    for (const expected of prints) assert.match(stdout, expected);
    check?.(directory);
  });
}
