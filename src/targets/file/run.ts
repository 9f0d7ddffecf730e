// One operation as a promise: for what is not on the hot path (sync, hole maps, ends that are rewritten).
import type { SegmentList } from '../../plan/request.js';
import { EAGAIN, EINTR } from '../../transfer/errno.js';
import type { Engine, Op, Operation } from './engines/engine.js';

export interface Command {
  readonly op: Op;
  readonly fd: number;
  readonly offset?: number;
  readonly length?: number;
  readonly flags?: number;
  readonly from?: number;
  readonly segments?: SegmentList;
  readonly buffered?: boolean;
}

/** EINTR, and EAGAIN on file systems that give it without being asked, mean: nothing happened, again. Bounded. */
const ATTEMPTS_MAX = 32;

/** Hands the operation to the engine now, or as soon as it has room. */
export function submitWhenRoom(engine: Engine, operation: Operation): void {
  if (!engine.submit(operation)) engine.onceDrained(() => submitWhenRoom(engine, operation));
}

/** Resolves with what the system call returned: ≥ 0, or −errno. Never rejects. */
export async function run(engine: Engine, command: Command): Promise<number> {
  let result = EINTR;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && (result === EINTR || result === EAGAIN); attempt++) {
    result = await runOnce(engine, command);
  }
  return result;
}

/** As `run`, and EAGAIN is an answer. */
export function runOnce(engine: Engine, command: Command): Promise<number> {
  return new Promise((resolve) => {
    const { from } = command;
    submitWhenRoom(engine, {
      ...(from === undefined ? null : { from }),
      op: command.op,
      fd: command.fd,
      offset: command.offset ?? 0,
      length: command.length ?? 0,
      flags: command.flags ?? 0,
      segments: command.segments ?? null,
      buffered: command.buffered ?? false,
      complete: resolve,
    });
  });
}
