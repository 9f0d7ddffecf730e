// Memory of every kind a program may hold, at unaligned places of a file, on every way of going there.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));

/** Node has it; the library's types leave the DOM's out. */
declare const WebAssembly: { Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer } };

const BYTES = 20_000;
// ES2024's constructor, which every Node that this runs on has.
const ResizableArrayBuffer = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
const kinds: Record<string, () => Uint8Array> = {
  'a Buffer': () => Buffer.alloc(BYTES),
  'a small view of the pool': () => Buffer.from('x'.repeat(60)).subarray(3, 50),
  'a typed array on the heap': () => new Uint8Array(40),
  'a SharedArrayBuffer': () => new Uint8Array(new SharedArrayBuffer(BYTES)),
  'a resizable ArrayBuffer': () =>
    new Uint8Array(new ResizableArrayBuffer(BYTES, { maxByteLength: 2 * BYTES }), 0, BYTES),
  'WebAssembly memory': () => new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 100, BYTES),
  'a region': () => new Uint8Array(new Region(BYTES).buffer, 0, BYTES),
};

for (const engine of ['uring', 'threads'] as const) {
  for (const io of ['prefer-direct', 'direct', 'drop-behind', 'buffered'] as const) {
    describe(`${engine}, ${io}`, () => {
      for (const [kind, make] of Object.entries(kinds)) {
        it(kind, async () => {
          await using file = await open(join(directory, `${engine}-${io}`), 'w+', { engine, io });
          const memory = make();
          const data = randomBytes(memory.length);
          for (const position of [0, 1, 4095, 4096, 5000]) {
            memory.set(data);
            assert.equal((await file.write(memory, 0, null, position)).bytesWritten, memory.length);
            memory.fill(0);
            assert.equal((await file.read(memory, 0, null, position)).bytesRead, memory.length);
            assert.ok(data.equals(memory), `${kind} at ${position}`);
          }
        });
      }
    });
  }
}
