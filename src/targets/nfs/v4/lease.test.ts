// The lease is renewed while there are files open, often enough, and no more than that.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Lease, type Renewer } from './lease.js';

const LEASE_SECONDS = 90;
const PERIOD_MS = 30_000;

/** Time that passes only when told to, and when SEQUENCEs were sent. */
function start(t: TestContext): {
  sent: number[];
  renewer: Renewer & { lastRenewedMs: number };
  pass(ms: number): void;
  lease: Lease;
} {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = 0;
  const sent: number[] = [];
  const renewer = {
    lastRenewedMs: 0,
    run: <T>(): Promise<T> => {
      sent.push(nowMs);
      renewer.lastRenewedMs = nowMs;
      return Promise.reject(new Error('nobody waits for it'));
    },
  };
  const lease = new Lease(renewer, LEASE_SECONDS, () => nowMs);
  const pass = (ms: number): void => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  return { sent, renewer, pass, lease };
}

describe('Lease', () => {
  it('is renewed every third of it, from start to stop', async (t) => {
    const { sent, pass, lease } = start(t);
    lease.start();
    lease.start();
    for (let i = 0; i < 3; i++) {
      pass(PERIOD_MS);
      await Promise.resolve();
      await Promise.resolve();
    }
    assert.deepEqual(sent, [PERIOD_MS, 2 * PERIOD_MS, 3 * PERIOD_MS]);
    lease.stop();
    pass(10 * PERIOD_MS);
    assert.equal(sent.length, 3);
  });

  it('is not renewed where other calls have done so', async (t) => {
    const { sent, renewer, pass, lease } = start(t);
    lease.start();
    renewer.lastRenewedMs = PERIOD_MS - 1;
    pass(PERIOD_MS);
    assert.deepEqual(sent, []);
    pass(PERIOD_MS);
    assert.deepEqual(sent, [2 * PERIOD_MS]);
    lease.stop();
  });
});
