// Callbacks of a signal: in order, once, and none that was taken back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onAbort } from './abort.js';

describe('onAbort', () => {
  it('calls back in order, each once, and none that was taken back, be it by one before it', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const seen: string[] = [];
    onAbort(signal, () => seen.push('first'));
    const forgetSecond = onAbort(signal, () => seen.push('second'));
    const forgetThird = onAbort(signal, () => seen.push('third'));
    onAbort(signal, () => {
      seen.push('fourth');
      forgetFifth();
    });
    const forgetFifth = onAbort(signal, () => seen.push('fifth'));
    onAbort(signal, () => seen.push('sixth'));
    forgetThird();
    forgetThird();
    controller.abort();
    controller.abort();
    forgetSecond();
    assert.deepEqual(seen, ['first', 'second', 'fourth', 'sixth']);
  });
});
