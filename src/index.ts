/**
 * diorite: direct I/O for Node.js. Scattered memory in; few, large, aligned requests out; and the truth about what
 * happened. The entry loads little: what carries out I/O is loaded by the first open, and memory, iterators, plans and the
 * interface of targets are entries of their own.
 * @module
 */

export { AbortError, CODES, type Code, DioriteError, type Extent, type ExtentState } from './base/errors.js';
export { PAGE_SIZE } from './base/integers.js';
export type {
  CopyAllResult,
  CopyOptions,
  CopyProgress,
  CopyResult,
  DestinationDone,
  DestinationFailed,
} from './copy/options.js';
export type { ProbeResult } from './copy/probe.js';
export type { ExplainOptions } from './explain/explain.js';
export type { Explanation } from './explain/explanation.js';
export type { Memory, MoveOptions } from './handle/arguments.js';
export { Batch } from './handle/batch/batch.js';
export type { BatchCallback, BatchOptions, WriteBatchOptions } from './handle/batch/batching-file.js';
export type { File } from './handle/file.js';
export type { ManyEntry, ReadAnswer, WriteAnswer } from './handle/many/entry.js';
export type { Many } from './handle/many/many.js';
export type { ManyOptions, ReadManyOptions, WriteManyOptions } from './handle/many/options.js';
export type { ReadResult, ReadvResult, WriteResult, WritevResult } from './handle/results.js';
export type { FileSegment, ZeroWay } from './handle/space.js';
export type { ReadFileOptions, WriteFileOptions } from './handle/streaming.js';
export { type OpenOptions, open } from './open.js';
export type { Direction, Limits } from './plan/limits.js';
export type {
  ReadableWebStreamOptions,
  ReadStreamOptions,
  WritableWebStreamOptions,
  WriteStreamOptions,
} from './streams/options.js';
export type { ReadStream } from './streams/read-stream.js';
export type { WebChunk } from './streams/writable-web.js';
export type { Chunk, ChunkSource } from './streams/write-all.js';
export type { WriteStream } from './streams/write-stream.js';
export type { TransferOptions } from './transfer/options.js';
export type { Outcome } from './transfer/outcome.js';
export type { Chosen } from './transfer/pace.js';
export type { DataRange, Holes, IoMode, Target } from './transfer/target.js';

/**
 * Copies a file with direct I/O to one destination, or, read once, to each of several; see CopyOptions. Where one of
 * several fails the others go on, and it rejects with `result: CopyAllResult`. Loaded at the first call: most programs
 * that open files do not copy.
 */
export async function copy(
  source: string | Buffer | URL,
  destination: string | Buffer | URL,
  options?: import('./copy/options.js').CopyOptions,
): Promise<import('./copy/options.js').CopyResult>;
export async function copy(
  source: string | Buffer | URL,
  destinations: readonly (string | Buffer | URL)[],
  options?: import('./copy/options.js').CopyOptions,
): Promise<import('./copy/options.js').CopyAllResult>;
export async function copy(
  source: string | Buffer | URL,
  to: string | Buffer | URL | readonly (string | Buffer | URL)[],
  options?: import('./copy/options.js').CopyOptions,
): Promise<import('./copy/options.js').CopyResult | import('./copy/options.js').CopyAllResult> {
  const { copy: start } = await import('./copy/copy.js');
  return isList(to) ? start(source, to, options) : start(source, to, options);
}

/** Array.isArray does not tell a readonly array from the rest. */
function isList<T>(to: T | readonly T[]): to is readonly T[] {
  return Array.isArray(to);
}

/** What this machine, and the file at `path`, can do; see ProbeResult. */
export async function probe(path: string | URL): Promise<import('./copy/probe.js').ProbeResult> {
  return (await import('./copy/probe.js')).probe(path);
}

/** Which requests vectors of memory become, and what others make of them; see ExplainOptions. Carries nothing out. */
export async function explain(
  options: import('./explain/explain.js').ExplainOptions,
): Promise<import('./explain/explanation.js').Explanation> {
  return (await import('./explain/explain.js')).explain(options);
}
