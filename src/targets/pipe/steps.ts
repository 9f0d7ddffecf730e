// The steps that both ways have in common: one splice, a cell emptied into memory, a lease waited for.
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import type { Lease } from '../../memory/pool.js';
import { SegmentList } from '../../plan/request.js';
import { onAbort } from '../../transfer/abort.js';
import { EACCES, EINTR, ENOSYS, EPERM, errnoError } from '../../transfer/errno.js';
import { stagingPool } from '../../transfer/staging.js';
import { type Engine, Op } from '../file/engines/engine.js';
import { run, runOnce } from '../file/run.js';
import type { Cell } from './cell.js';

/** splice(2): SPLICE_F_NONBLOCK. */
export const SPLICE_F_NONBLOCK = 0x2;

/** Of a call that a signal interrupted before it did anything. */
const ATTEMPTS_MAX = 32;

/** Splicing itself is refused: by a filter (hardened hosts), by a module, or by a kernel without it. Nothing moved. */
export function isRefusal(result: number): boolean {
  return result === EPERM || result === EACCES || result === ENOSYS;
}

/** From a descriptor to another, as much as there is, without waiting for either pipe: a count, or −errno. */
export async function spliceSome(engine: Engine, from: number, fd: number, length: number): Promise<number> {
  const command = { op: Op.SPLICE, fd, from, offset: -1, length, flags: SPLICE_F_NONBLOCK, buffered: true };
  let result = EINTR;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && result === EINTR; attempt++) result = await runOnce(engine, command);
  return result;
}

/** What is in `cell` is in `other`, an empty one, as well. False: not all of it fits, or it is refused. */
export async function teeCell(engine: Engine, cell: Cell, other: Cell): Promise<boolean> {
  assert(other.bytes === 0, 'what is teed goes to an empty cell');
  const command = { op: Op.TEE, fd: other.writeFd, from: cell.readFd, length: cell.bytes, flags: SPLICE_F_NONBLOCK };
  other.bytes = Math.max(0, await runOnce(engine, command));
  return other.bytes === cell.bytes;
}

/** Reads the first `bytes` of what the cell holds into `buffer` at `byteOffset`. */
export async function emptyCell(
  engine: Engine,
  cell: Cell,
  buffer: ArrayBuffer,
  byteOffset: number,
  bytes: number,
): Promise<void> {
  assert(bytes <= cell.bytes, 'a cell gives what it holds');
  const segments = new SegmentList();
  for (let at = 0; at < bytes; ) {
    const length = bytes - at;
    segments.clear();
    segments.push(buffer, byteOffset + at, length, true);
    const command = { op: Op.READ, fd: cell.readFd, offset: -1, length, segments, buffered: true };
    const result = await run(engine, command);
    if (result < 0) throw errnoError(result, 'read', 'a pipe of our own');
    assert(result > 0, 'a pipe of our own gives what went in');
    at += result;
    cell.bytes -= result;
  }
}

/** Waits for room in the pool. Rejects with ABORT_ERR. Whoever calls holds no lease that waits for this one. */
export function leaseOf(bytes: number, signal: AbortSignal | undefined): Promise<Lease> {
  const pool = stagingPool();
  return new Promise((resolve, reject) => {
    let ended = false;
    let forget = (): void => {};
    const end = (settle: () => void): void => {
      ended = true;
      forget();
      settle();
    };
    // The lease is taken within the pool's call: whoever is called is the only one who gets any while others wait.
    const attempt = (): void => {
      if (ended) return;
      const lease = pool.lease(bytes);
      if (lease === null) pool.onceFree(attempt);
      else end(() => resolve(lease));
    };
    if (signal?.aborted) return reject(errors.aborted(signal.reason));
    if (signal !== undefined) forget = onAbort(signal, () => end(() => reject(errors.aborted(signal.reason))));
    attempt();
  });
}
