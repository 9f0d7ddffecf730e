// What a status of the server means for the call that got it: pure, one table for SEQUENCE and one for what follows it.
import { STATUS } from './constants.js';

/**
 * `done`: the slot's number is used, and the other results follow. `again`: the same request, the same number, later.
 * `answered-before`: the number is used, by this very request, whose answer the server has not kept. `session`: the
 * session is gone or out of step. `fail`: the request is refused, its number is not used.
 */
export type SequenceDecision = 'done' | 'again' | 'answered-before' | 'session' | 'fail';

/** RFC 8881 §18.46.4; §2.10.6.1.3: a SEQUENCE that fails leaves its slot as it was. */
export function afterSequence(status: number): SequenceDecision {
  switch (status) {
    case STATUS.OK:
      return 'done';
    case STATUS.DELAY:
      // The server may be at work on the first copy of it: another request under this number would get its answer.
      return 'again';
    case STATUS.RETRY_UNCACHED_REP:
    case STATUS.SEQ_FALSE_RETRY:
      return 'answered-before';
    case STATUS.BADSESSION:
    case STATUS.DEADSESSION:
    case STATUS.BADSLOT:
    case STATUS.BAD_HIGH_SLOT:
    case STATUS.SEQ_MISORDERED:
    case STATUS.CONN_NOT_BOUND_TO_SESSION:
    case STATUS.STALE_CLIENTID:
    case STATUS.EXPIRED:
      // EXPIRED is not SEQUENCE's by RFC 8881 §15.2; nfs-ganesha says so from the lease's end until it clears up.
      return 'session';
    default:
      return 'fail';
  }
}

/** Whether the server still has the session: then it is told to forget it. */
export function isSessionAlive(status: number): boolean {
  return status === STATUS.BADSLOT || status === STATUS.BAD_HIGH_SLOT || status === STATUS.SEQ_MISORDERED;
}

/**
 * `delay`, `grace`: the same later, with longer and longer pauses. `answered-before`: as of SEQUENCE. `client`: the
 * server has forgotten the client. `state`: the open state of the file may be gone. `fail`: it is the caller's error.
 */
export type OperationDecision = 'delay' | 'grace' | 'answered-before' | 'client' | 'state' | 'fail';

export function afterOperation(status: number): OperationDecision {
  switch (status) {
    case STATUS.DELAY:
      return 'delay';
    case STATUS.GRACE:
      return 'grace';
    case STATUS.RETRY_UNCACHED_REP:
      // RFC 8881 §2.10.6.1.3: SEQUENCE may succeed, and the operation behind it says so (Linux does it in this way).
      return 'answered-before';
    case STATUS.STALE_CLIENTID:
    case STATUS.STALE_STATEID:
      return 'client';
    case STATUS.BAD_STATEID:
    case STATUS.OLD_STATEID:
    case STATUS.EXPIRED:
    case STATUS.ADMIN_REVOKED:
    case STATUS.DELEG_REVOKED:
      return 'state';
    default:
      return 'fail';
  }
}

/** Pauses between attempts, each twice the one before: DELAY means that the server is busy with this for a while. */
export const DELAY_FIRST_MS = 100;
export const DELAY_LAST_MS = 15_000;
/** Grace ends at a moment that the server decides by itself, and often early. */
const GRACE_LAST_MS = 2_000;

/** `previousMs` 0: the first. */
export function nextDelayMs(previousMs: number, decision: 'delay' | 'grace'): number {
  const last = decision === 'grace' ? GRACE_LAST_MS : DELAY_LAST_MS;
  return previousMs === 0 ? DELAY_FIRST_MS : Math.min(last, 2 * previousMs);
}

/**
 * What became of a file whose OPEN was reclaimed with this status. `again`: later; `session`: recovery starts anew;
 * `late`: the time to take files back has passed, or the server's lease on it had run out before: others may have changed
 * it. `lost`: for ever.
 */
export function afterReclaim(status: number): 'again' | 'session' | 'late' | 'lost' {
  switch (status) {
    case STATUS.DELAY:
    case STATUS.GRACE:
      return 'again';
    case STATUS.NO_GRACE:
    case STATUS.RECLAIM_BAD:
      return 'late';
    default:
      return recoveryDecision(status) === 'fail' ? 'lost' : 'session';
  }
}

/**
 * What recovery does about a status that one of its own calls got. `again`: the same later; `client`: from EXCHANGE_ID
 * on; `session`: from CREATE_SESSION on; `fail`: nothing helps.
 */
export function recoveryDecision(status: number): 'again' | 'client' | 'session' | 'fail' {
  switch (status) {
    case STATUS.DELAY:
    case STATUS.GRACE:
    case STATUS.RETRY_UNCACHED_REP:
    case STATUS.SEQ_FALSE_RETRY:
      return 'again';
    case STATUS.STALE_CLIENTID:
    case STATUS.EXPIRED:
    case STATUS.SEQ_MISORDERED:
      return 'client';
    case STATUS.BADSESSION:
    case STATUS.DEADSESSION:
    case STATUS.BADSLOT:
    case STATUS.BAD_HIGH_SLOT:
    case STATUS.CONN_NOT_BOUND_TO_SESSION:
      return 'session';
    default:
      return 'fail';
  }
}
