// What each status means for the call that got it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATUS } from './constants.js';
import {
  afterOperation,
  afterReclaim,
  afterSequence,
  DELAY_FIRST_MS,
  DELAY_LAST_MS,
  isSessionAlive,
  nextDelayMs,
  recoveryDecision,
} from './decisions.js';

describe('a status of SEQUENCE', () => {
  it('tells whether the number is used, and whether the session still is', () => {
    const decided = Object.entries(STATUS).map(([name, status]) => [name, afterSequence(status)] as const);
    const by = (decision: string): string[] => decided.filter(([, made]) => made === decision).map(([name]) => name);
    assert.deepEqual(by('done'), ['OK']);
    assert.deepEqual(by('again'), ['DELAY']);
    assert.deepEqual(by('answered-before'), ['RETRY_UNCACHED_REP', 'SEQ_FALSE_RETRY']);
    assert.deepEqual(by('session'), [
      'EXPIRED',
      'STALE_CLIENTID',
      'BADSESSION',
      'BADSLOT',
      'CONN_NOT_BOUND_TO_SESSION',
      'SEQ_MISORDERED',
      'BAD_HIGH_SLOT',
      'DEADSESSION',
    ]);
    assert.equal(isSessionAlive(STATUS.SEQ_MISORDERED), true);
    assert.equal(isSessionAlive(STATUS.BADSESSION), false);
  });
});

describe('a status of an operation', () => {
  it('is waited out, recovered from, or the caller’s', () => {
    assert.equal(afterOperation(STATUS.DELAY), 'delay');
    assert.equal(afterOperation(STATUS.GRACE), 'grace');
    assert.equal(afterOperation(STATUS.RETRY_UNCACHED_REP), 'answered-before');
    for (const status of [STATUS.STALE_CLIENTID, STATUS.STALE_STATEID]) assert.equal(afterOperation(status), 'client');
    for (const status of [
      STATUS.BAD_STATEID,
      STATUS.OLD_STATEID,
      STATUS.EXPIRED,
      STATUS.ADMIN_REVOKED,
      STATUS.DELEG_REVOKED,
    ])
      assert.equal(afterOperation(status), 'state');
    for (const status of [STATUS.NOENT, STATUS.IO, STATUS.STALE, STATUS.NO_GRACE, STATUS.NOTSUPP, 4711])
      assert.equal(afterOperation(status), 'fail');
  });

  it('of a reclaim loses the file for ever, unless it is late, the session is gone or the server is busy', () => {
    for (const status of [STATUS.RECLAIM_CONFLICT, STATUS.STALE, STATUS.IO]) assert.equal(afterReclaim(status), 'lost');
    for (const status of [STATUS.NO_GRACE, STATUS.RECLAIM_BAD]) assert.equal(afterReclaim(status), 'late');
    for (const status of [STATUS.DELAY, STATUS.GRACE]) assert.equal(afterReclaim(status), 'again');
    for (const status of [STATUS.BADSESSION, STATUS.STALE_CLIENTID]) assert.equal(afterReclaim(status), 'session');
  });

  it('of recovery itself says from where it starts anew', () => {
    assert.equal(recoveryDecision(STATUS.DELAY), 'again');
    for (const status of [STATUS.STALE_CLIENTID, STATUS.EXPIRED]) assert.equal(recoveryDecision(status), 'client');
    assert.equal(recoveryDecision(STATUS.SEQ_MISORDERED), 'client');
    assert.equal(recoveryDecision(STATUS.BADSESSION), 'session');
    assert.equal(recoveryDecision(STATUS.MINOR_VERS_MISMATCH), 'fail');
  });
});

describe('pauses', () => {
  it('double up to the longest; grace is asked for more often', () => {
    const pauses = [nextDelayMs(0, 'delay')];
    while (pauses.length < 10) pauses.push(nextDelayMs(pauses.at(-1) ?? 0, 'delay'));
    assert.deepEqual(pauses.slice(0, 3), [DELAY_FIRST_MS, 2 * DELAY_FIRST_MS, 4 * DELAY_FIRST_MS]);
    assert.equal(pauses.at(-1), DELAY_LAST_MS);
    assert.equal(nextDelayMs(1600, 'grace'), 2000);
    assert.equal(nextDelayMs(2000, 'grace'), 2000);
  });
});
