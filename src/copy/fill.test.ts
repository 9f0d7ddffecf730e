// How unsized sources are read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors } from '../base/errors.js';
import { fillPiecewise, gather } from './fill.js';

test('only 0 is the end of a source that gives little at a time', async () => {
  const gives = [3, 1, 4, 0, 9];
  const reader = { read: async () => gives.shift() ?? 0 };
  assert.equal(await fillPiecewise(reader, new Uint8Array(100), 0), 8);
});

/** A read that got `bytes`, and then waits until it is taken back. */
function waiting(bytes: number) {
  return (signal: AbortSignal, onProgress: () => void): Promise<number> => {
    if (bytes > 0) onProgress();
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        const error = errors.aborted(signal.reason);
        error.bytes = bytes;
        reject(error);
      });
    });
  };
}

test('what came is passed on after a while', async () => {
  assert.equal(await gather(waiting(5)), 5);
});

test('a full view, and the end, are passed on at once', async () => {
  assert.equal(await gather(async () => 4096), 4096);
  assert.equal(await gather(async () => 0), 0);
});

test('any other error is one', async () => {
  const mine = errors.aborted(undefined);
  mine.bytes = 5;
  await assert.rejects(
    gather(() => Promise.reject(mine)),
    mine,
  );
});
