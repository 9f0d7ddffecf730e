// How long is waited before the next connection.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackOff } from './back-off.js';

describe('BackOff', () => {
  it('does not wait after a connection that was of use, then longer and longer', () => {
    const backOff = new BackOff();
    for (let round = 0; round < 2; round++) {
      assert.equal(backOff.nextMs(), 0);
      for (let dueMs = 100; dueMs < 15_000; dueMs *= 2) {
        const delayMs = backOff.nextMs();
        assert.ok(delayMs >= dueMs && delayMs <= dueMs * 1.1, `${delayMs} ms`);
      }
      for (let i = 0; i < 100; i++) assert.ok(backOff.nextMs() <= 16_500);
      backOff.reset();
    }
  });

  it('never waits longer than a call has time for', () => {
    const backOff = new BackOff(4_000);
    for (let i = 0; i < 100; i++) assert.ok(backOff.nextMs() <= 550);
  });
});
