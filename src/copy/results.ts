// What a copy says of itself in the end, and the error that says it of several destinations.
import { AbortError, DioriteError, errors } from '../base/errors.js';
import type { IoMode } from '../transfer/target.js';
import type { Branch } from './branch.js';
import { codeOf } from './code-of.js';
import type { Job } from './job.js';
import type { CopyAllResult, CopyResult, DestinationDone, DestinationFailed } from './options.js';
import type { Source } from './source.js';

/** How long it took, and what of the processor. */
export interface Cost {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly cpuMs: number;
}

/**
 * Not every destination was written. `result` says what became of each; those that were, stay. The code is
 * ERR_DIORITE_DESTINATIONS, or, where nothing was written and for one reason, that reason's; ABORT_ERR, and the name
 * AbortError, after an abort.
 */
export class CopyError extends DioriteError {
  override readonly name: string;
  readonly result: CopyAllResult;

  constructor(message: string, code: string, result: CopyAllResult, cause: DioriteError) {
    const { errno, syscall, path } = cause;
    super(message, { code, errno, syscall, path, cause });
    this.name = cause.name;
    this.result = result;
    if (cause.offset !== undefined) this.offset = cause.offset;
  }
}

/** The error as one of the library's, with the ledger of the whole copy in place of one write's. */
export function withLedger(error: unknown, branch: Branch, shared: boolean): DioriteError {
  const told = error instanceof DioriteError && !shared ? error : copyOf(error);
  told.bytes = branch.ledger.bytes;
  told.extents = branch.ledger.extents();
  return told;
}

/** What is everyone's error has another ledger for each. */
function copyOf(error: unknown): DioriteError {
  if (error instanceof AbortError) return errors.aborted(error.cause);
  const { errno, syscall, path, dest, offset } = error as NodeJS.ErrnoException & { dest?: string; offset?: number };
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error) ?? 'ERR_DIORITE_DESTINATIONS';
  return new DioriteError(message, { code, errno, syscall, path, dest, offset, cause: error });
}

export function resultOfOne(job: Job, branch: Branch, source: Source, cost: Cost): CopyResult {
  const { destination, published } = branch;
  if (destination === null || published === null)
    throw errors.make('ERR_DIORITE_ASSERTION', 'a copy that did not fail was published');
  const read = source.tally;
  const written = destination.tally;
  const requests = read.requests + written.requests;
  return {
    destination: destination.path,
    bytes: job.bytes,
    wholeBy: source.wholeBy,
    holesBytes: holesOf(job, [branch]),
    requests,
    readRequests: read.requests,
    writeRequests: written.requests,
    averageRequestBytes: requests === 0 ? 0 : Math.round((read.bytes + written.bytes) / requests),
    copiedBytes: read.copiedBytes + written.copiedBytes,
    bufferedBytes: read.bufferedBytes + written.bufferedBytes,
    ...pipedOf(branch),
    io: { read: branch.shortcut ?? source.ioMode(), write: published.io },
    engine: destination.engine,
    engineReason: destination.engineReason,
    chosen: job.chosen,
    reflinkReason: branch.reflinkReason,
    verified: published.verifyIo !== null,
    verifyIo: published.verifyIo,
    stable: published.stable,
    durationMs: cost.durationMs,
    cpuMs: cost.cpuMs,
  };
}

function pipedOf({ piped }: Branch): Pick<CopyResult, 'splicedBytes' | 'stagedBytes' | 'stagedReason'> {
  if (piped === null) return { splicedBytes: 0, stagedBytes: 0, stagedReason: null };
  return { splicedBytes: piped.splicedBytes, stagedBytes: piped.stagedBytes, stagedReason: piped.reason };
}

/** What was cloned, or copied by its server, was looked at by nobody. */
function holesOf(job: Job, branches: readonly Branch[]): number {
  return branches.every(({ shortcut }) => shortcut !== null) ? 0 : job.bytes - job.dataBytes;
}

/** How the source was read; where it was not: how the first destination came to be. */
function readMode(source: Source, branches: readonly Branch[]): IoMode {
  const [first] = branches;
  const unread = branches.every(({ shortcut }) => shortcut !== null);
  return (unread ? first?.shortcut : null) ?? source.ioMode();
}

function doneOf(branch: Branch, cost: Cost): DestinationDone | null {
  const { destination, published, reflinkReason } = branch;
  if (destination === null || published === null) return null;
  const { requests, copiedBytes, bufferedBytes } = destination.tally;
  return {
    destination: destination.path,
    error: null,
    writeRequests: requests,
    copiedBytes,
    bufferedBytes,
    ...pipedOf(branch),
    io: published.io,
    engine: destination.engine,
    engineReason: destination.engineReason,
    reflinkReason,
    verified: published.verifyIo !== null,
    verifyIo: published.verifyIo,
    stable: published.stable,
    durationMs: published.endedMs - cost.startedMs,
  };
}

/** Resolves to the result, or throws the CopyError with it: a copy that is not all there does not pass for one. */
export function resultOfAll(job: Job, source: Source, cost: Cost): CopyAllResult {
  const { branches } = job;
  const failures = new Map<unknown, number>();
  for (const { failure } of branches)
    if (failure !== null) failures.set(failure.error, (failures.get(failure.error) ?? 0) + 1);
  const destinations = branches.map((branch): DestinationDone | DestinationFailed => {
    const done = doneOf(branch, cost);
    if (done !== null) return done;
    const error = branch.failure?.error;
    return { destination: branch.path, error: withLedger(error, branch, (failures.get(error) ?? 0) > 1) };
  });
  const failed = destinations.flatMap(({ error }) => (error === null ? [] : [error]));
  const result: CopyAllResult = {
    bytes: job.bytes,
    wholeBy: source.wholeBy,
    holesBytes: holesOf(job, branches),
    readRequests: source.tally.requests,
    io: readMode(source, branches),
    chosen: job.chosen,
    destinations,
    failed: failed.length,
    durationMs: cost.durationMs,
    cpuMs: cost.cpuMs,
  };
  if (failed.length > 0) throw copyError(result, failed);
  return result;
}

function copyError(result: CopyAllResult, failed: readonly DioriteError[]): CopyError {
  const aborted = failed.find((error) => error instanceof AbortError);
  const cause = aborted ?? failed[0];
  if (cause === undefined) throw errors.make('ERR_DIORITE_ASSERTION', 'what failed has an error');
  const total = result.destinations.length;
  const oneReason = failed.length === total && failed.every(({ code }) => code === cause.code);
  const code = oneReason || aborted !== undefined ? cause.code : 'ERR_DIORITE_DESTINATIONS';
  const each = result.destinations.flatMap(({ destination, error }) =>
    error === null ? [] : [error.message.includes(destination) ? error.message : `${destination}: ${error.message}`],
  );
  const written = `${total - failed.length} of ${total} destinations were written`;
  return new CopyError(`${written}; ${each.join('; ')}`, code, result, cause);
}
