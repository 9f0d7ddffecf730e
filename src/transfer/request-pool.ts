// Requests that are not in flight, for reuse: they carry arrays that have grown to what this program needs.
import { assert } from '../base/assert.js';
import { Request } from './request.js';

const IDLE_MAX = 512;

const idle: Request[] = [];

export function takeRequest(): Request {
  return idle.pop() ?? new Request();
}

/** Gives the request back, with its lease, and forgets the caller's memory. */
export function recycleRequest(request: Request): void {
  assert(!request.inFlight, 'a request in flight is not reused');
  request.lease?.release();
  request.lease = null;
  request.again = false;
  request.attempts = 0;
  request.segments.clear();
  if (idle.length < IDLE_MAX) idle.push(request);
}
