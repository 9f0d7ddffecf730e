// What small requests leave to the collector: of an awaited one its promise and its result, of a batch's element nothing,
// of an entry of a list its answer and its place among the others.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Garbage } from './children/garbage.js';

const CHILD = fileURLToPath(new URL('./children/garbage.js', import.meta.url));
const FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
const OPERATIONS = 40_000;
/** A promise and its two functions, a result, and what the turns of the loop make; the await itself is subtracted. */
const AWAITED_BYTES = 340;
/** The turns of the loop, shared by all elements that they answer. */
const ELEMENT_BYTES = 72;
/** An answer, and what sorts and merges: the entry as it was taken, a group with its list, and their places in lists. */
const ENTRY_BYTES = 1000;
/** Feedback and code that come late; whatever is kept of each operation is an object of 12 bytes or more. */
const KEPT_BYTES = 10;

test('an awaited request makes a promise and a result, an element of a batch nothing, and nothing is kept', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
  try {
    const path = join(directory, 'file');
    writeFileSync(path, Buffer.alloc(256 * 4096, 'diorite'));
    const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, CHILD, path, `${OPERATIONS}`]);
    const { engine, allocated, kept } = JSON.parse(stdout) as Garbage; // as the child prints it
    const told = JSON.stringify({ allocated, kept });
    const of = (which: Readonly<Record<string, number>>, name: string): number => which[name] ?? Number.NaN;
    for (const name of Object.keys(kept)) assert.ok(of(kept, name) <= KEPT_BYTES, `kept of ${name}: ${told}`);
    if (engine !== 'uring') return t.skip(`the ring's figures; the engine is ${engine}`);
    for (const name of ['read', 'write']) {
      const own = of(allocated, name) - of(allocated, 'nothing');
      assert.ok(own <= AWAITED_BYTES, `${name}: ${told}`);
    }
    for (const name of ['readBatch', 'writeBatch']) {
      assert.ok(of(allocated, name) <= ELEMENT_BYTES, `${name}: ${told}`);
    }
    assert.ok(of(allocated, 'readMany') <= ENTRY_BYTES, told);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
