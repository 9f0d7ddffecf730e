// Memory that is gone, as optimized code sees it.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { IovIter } from './iov-iter.js';

it('code that has copied to resizable buffers for long still says that memory is detached', () => {
  // ES2024's constructor, which every Node that this runs on has.
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
  const source = new Uint8Array(64);
  const views = [
    new Uint8Array(64),
    Buffer.alloc(64),
    new Uint8Array(new Resizable(128, { maxByteLength: 256 }), 0, 64),
  ];
  for (const move of ['copyTo', 'copyFrom'] as const) {
    for (let i = 0; i < 30_000; i++) for (const view of views) IovIter.iovec([view])[move](source);
    const gone = new Uint8Array(64);
    // Either may notice: making the iterator, or copying.
    const copy = (): number => {
      const iterator = IovIter.iovec([gone]);
      assert.equal(iterator.count, 64);
      return iterator[move](source);
    };
    const before = IovIter.iovec([new Uint8Array(1), gone]);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    assert.throws(copy, { code: 'ERR_DIORITE_DETACHED' });
    assert.throws(() => before[move](new Uint8Array(65)), { code: 'ERR_DIORITE_DETACHED' });
    assert.equal(before.count, 65);
  }
});
