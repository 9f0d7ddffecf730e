// How much of this turn of the event loop transfers have used: one account for all of them, however they are woken.
import { performance } from 'node:perf_hooks';

/** Planning and staging yield to the event loop after this long, well under the 10 ms that are promised. */
const TURN_BUDGET_MS = 3;
/** The clock is read once per so many requests, and after every staged copy. */
const REQUESTS_PER_CLOCK_CHECK = 32;

/** When the clock was first read in this turn; −1: not yet. */
let startMs = -1;
let requests = 0;

/** A request of this size may be carried out where it is submitted (zram, loops): in a millisecond, or several. */
export const COSTLY_BYTES: number = 256 * 1024;

/**
 * To be called for each request that goes out; `isCostly`: it was staged, or is large. True: the time is used up, and whoever has more to send goes on in the
 * next turn. A transfer alone cannot know: it is woken once for every answer, and a hundred answers may come in a turn.
 */
export function turnIsUsedUp(isCostly: boolean): boolean {
  requests++;
  if (!isCostly && requests % REQUESTS_PER_CLOCK_CHECK !== 0) return false;
  const nowMs = performance.now();
  if (startMs >= 0) return nowMs - startMs > TURN_BUDGET_MS;
  startMs = nowMs;
  setImmediate(beginTurn);
  return false;
}

function beginTurn(): void {
  startMs = -1;
  requests = 0;
}
