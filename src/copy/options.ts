// What copy() takes and gives, and the check of it: before anything is opened.
import { type DioriteError, errors } from '../base/errors.js';
import { isPowerOfTwo, PAGE_SIZE, toOffset } from '../base/integers.js';
import type { Chosen } from '../transfer/pace.js';
import type { IoMode } from '../transfer/target.js';

export type Path = string | Buffer | URL;

/** What is asked of a file's way to the disk; see OpenOptions.io. */
export type IoWish = 'direct' | 'prefer-direct' | 'drop-behind' | 'buffered';
export const IO_WISHES: readonly IoWish[] = ['direct', 'prefer-direct', 'drop-behind', 'buffered'];

export type EngineWish = 'auto' | 'uring' | 'threads';
export const ENGINE_WISHES: readonly EngineWish[] = ['auto', 'uring', 'threads'];

/** `auto`: share the source's blocks where the file system can, instead of moving bytes. */
export type ReflinkWish = 'auto' | 'never';
export const REFLINK_WISHES: readonly ReflinkWish[] = ['never', 'auto'];

/** Each has two descriptors and a temporary file; beyond this many one source is not what limits. */
export const DESTINATIONS_MAX = 256;

/**
 * Four pieces of 4 MiB: measured on a virtio disk (max_sectors_kb 4096) as fast as 8 × 1 MiB to 6 × 4 MiB, 1.5 times as
 * fast as dd with one request of 1 MiB at a time, and at half the CPU time of 8 × 1 MiB. Larger requests gain nothing:
 * the block layer cuts them (max_sectors_kb is 1 to 4 MiB nearly everywhere).
 */
export const DEFAULT_DEPTH = 4;
export const DEFAULT_REQUEST_BYTES: number = 4 * 1024 * 1024;
/** So far a copy goes where nobody asks for a depth, or a size: 32 MiB of memory. */
export const ADAPTED_DEPTH_MAX = 8;
export const DEPTH_MAX = 256;
export const REQUEST_BYTES_MAX: number = 64 * 1024 * 1024;
/** depth × requestBytes: the memory of a copy to one destination. To several, a copy takes up to twice that in all. */
export const IN_FLIGHT_BYTES_MAX: number = 1024 * 1024 * 1024;

export interface CopyProgress {
  readonly phase: 'copy' | 'verify';
  /** Bytes of the file that are done in this phase, holes included; of several destinations: in the slowest one. */
  readonly doneBytes: number;
  /** Undefined: the source does not know its size (streams, files of /proc), and nobody has said it. */
  readonly totalBytes: number | undefined;
}

export interface CopyOptions {
  /** Replace an existing file, or write over a block device. Without it both are refused. Default: false. */
  readonly force?: boolean;
  /** Read the destination back past the page cache, before it is published, and compare. Default: false. */
  readonly verify?: boolean;
  /** How many pieces are on the way at a time. Default: 4, and in long copies to one destination what moves the most. */
  readonly depth?: number;
  /** How large a piece, and the largest request, is: a power of two from 4096 on. Default: 4 MiB. */
  readonly requestBytes?: number;
  /**
   * `never` (the default): bytes are moved, and the copy has blocks of its own. `auto`: on XFS with reflink, on btrfs and
   * the like the copy shares the source's blocks until one of them is written; where that cannot be, bytes are moved. The
   * result's `io` is `clone`, or its `reflinkReason` says why not.
   */
  readonly reflink?: ReflinkWish;
  /**
   * How many bytes the source must have; otherwise nothing is published (ERR_DIORITE_SOURCE_FAILED). The one proof that a
   * stream is whole: that who wrote to it died early, its end does not tell. Makes room for them, too, and progress knows
   * the total.
   */
  readonly size?: number;
  /**
   * Publish what a pipe gave though the program that wrote to it failed. Default: false: where it can be known that it was
   * killed or ended with a status other than 0 (Linux 6.15, programs of the same shell), nothing is published.
   */
  readonly anyStatus?: boolean;
  /** How to read and write; the result says what it really was. Default: 'prefer-direct'. */
  readonly io?: IoWish;
  /** Default: 'auto'. */
  readonly engine?: EngineWish;
  /** Ends the copy: nothing new is started, what is in flight is awaited, the temporary file is removed. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** `size`: it has one, or was said to have. `status`: the programs found writing to the pipe ended with status 0. */
export type WholeBy = 'size' | 'status';

export interface CopyResult {
  /** What was written to: the destination, or the source's name inside it, links followed. */
  readonly destination: string;
  /** The size of what was copied. */
  readonly bytes: number;
  /** What says that the source was all there; null: nothing does, it just ended. */
  readonly wholeBy: WholeBy | null;
  /** How much of it was holes, and was not written. 0 for a clone: nobody looked. */
  readonly holesBytes: number;
  /** Requests to the source and the destination, without those of `verify`; what is spliced is no request. */
  readonly requests: number;
  readonly readRequests: number;
  readonly writeRequests: number;
  readonly averageRequestBytes: number;
  /** Bytes that were copied in memory because they could not go as they lay. */
  readonly copiedBytes: number;
  /** Bytes that went through the page cache. */
  readonly bufferedBytes: number;
  /** Of a stream's bytes those that went as they lay, kernel to kernel; 0 where there is no stream. */
  readonly splicedBytes: number;
  /** Of a stream's bytes those that went through memory. */
  readonly stagedBytes: number;
  /** Why any did; null: none did. */
  readonly stagedReason: string | null;
  /** How everything but unaligned ends really went. */
  readonly io: { readonly read: IoMode; readonly write: IoMode };
  readonly engine: string;
  /** Why it is not `uring`; null: it is. */
  readonly engineReason: string | null;
  /** How many pieces of what size were on the way, in the end, and why. Null: no bytes passed through memory. */
  readonly chosen: Chosen | null;
  /** Why bytes were moved though `reflink: 'auto'` was asked; null: they were not, or it was not. */
  readonly reflinkReason: string | null;
  readonly verified: boolean;
  /** How it was read back, where it was verified. */
  readonly verifyIo: IoMode | null;
  /** All of it, and its name, is on stable storage. */
  readonly stable: boolean;
  readonly durationMs: number;
  /** User and system time of the whole process meanwhile. */
  readonly cpuMs: number;
}

/** What became of one of several destinations that was written, verified where that was asked, and published. */
export interface DestinationDone {
  /** What was written to: the destination, or the source's name inside it, links followed. */
  readonly destination: string;
  readonly error: null;
  readonly writeRequests: number;
  /** Bytes that were copied in memory because they could not go to this destination as they lay. */
  readonly copiedBytes: number;
  readonly bufferedBytes: number;
  /** As in CopyResult. */
  readonly splicedBytes: number;
  readonly stagedBytes: number;
  readonly stagedReason: string | null;
  readonly io: IoMode;
  readonly engine: string;
  readonly engineReason: string | null;
  readonly reflinkReason: string | null;
  readonly verified: boolean;
  readonly verifyIo: IoMode | null;
  readonly stable: boolean;
  /** From the start of the copy to the end of this part of it. */
  readonly durationMs: number;
}

/** One that was not: what was there before is there now, but for devices and pipes, which stay written in part. */
export interface DestinationFailed {
  readonly destination: string;
  /** With `bytes` and `extents`: what is known of each byte of what was being written. */
  readonly error: DioriteError;
}

/** A copy to several destinations: the source was read once. */
export interface CopyAllResult {
  readonly bytes: number;
  readonly wholeBy: WholeBy | null;
  readonly holesBytes: number;
  readonly readRequests: number;
  /** How it was read; `clone`: it was not. */
  readonly io: IoMode;
  /** As in CopyResult. */
  readonly chosen: Chosen | null;
  /** One for each destination, in the order in which they were given. */
  readonly destinations: readonly (DestinationDone | DestinationFailed)[];
  /** How many of them were not written. */
  readonly failed: number;
  readonly durationMs: number;
  readonly cpuMs: number;
}

/** CopyOptions with nothing left to choose. */
export interface CopySettings {
  readonly force: boolean;
  readonly verify: boolean;
  readonly reflink: ReflinkWish;
  readonly depth: number;
  readonly requestBytes: number;
  /** Neither was asked for. */
  readonly adapts: boolean;
  readonly size: number | undefined;
  readonly anyStatus: boolean;
  readonly io: IoWish;
  readonly engine: EngineWish;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: CopyProgress) => void) | undefined;
}

function toFlag(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw errors.invalidType(name, 'a boolean', value);
  return value;
}

function toChoice<T extends string>(value: unknown, name: string, choices: readonly T[], otherwise: T): T {
  if (value === undefined) return otherwise;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw errors.invalidValue(name, `one of ${choices.join(', ')}`, value);
  return choice;
}

function toCount(value: unknown, name: string, otherwise: number, most: number): number {
  if (value === undefined) return otherwise;
  const count = toOffset(value, name);
  if (count < 1 || count > most) throw errors.outOfRange(name, `>= 1 and <= ${most}`, value);
  return count;
}

function toRequestBytes(value: unknown): number {
  if (value === undefined) return DEFAULT_REQUEST_BYTES;
  const bytes = toOffset(value, 'options.requestBytes');
  if (bytes < PAGE_SIZE || bytes > REQUEST_BYTES_MAX || !isPowerOfTwo(bytes))
    throw errors.outOfRange(
      'options.requestBytes',
      `a power of two >= ${PAGE_SIZE} and <= ${REQUEST_BYTES_MAX}`,
      value,
    );
  return bytes;
}

function toSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw errors.invalidType('options.signal', 'an AbortSignal', value);
}

/** Checks all options: a wrong one is refused before anything is touched. */
export function toSettings(options: CopyOptions): CopySettings {
  if (options === null || typeof options !== 'object') throw errors.invalidType('options', 'an object', options);
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw errors.invalidType('options.onProgress', 'a function', onProgress);
  const depth = toCount(options.depth, 'options.depth', DEFAULT_DEPTH, DEPTH_MAX);
  const requestBytes = toRequestBytes(options.requestBytes);
  if (depth * requestBytes > IN_FLIGHT_BYTES_MAX)
    throw errors.outOfRange('options.depth', `at most ${IN_FLIGHT_BYTES_MAX} bytes times requestBytes`, depth);
  return {
    force: toFlag(options.force, 'options.force'),
    verify: toFlag(options.verify, 'options.verify'),
    reflink: toChoice(options.reflink, 'options.reflink', REFLINK_WISHES, 'never'),
    depth,
    requestBytes,
    adapts: options.depth === undefined && options.requestBytes === undefined,
    size: options.size === undefined ? undefined : toOffset(options.size, 'options.size'),
    anyStatus: toFlag(options.anyStatus, 'options.anyStatus'),
    io: toChoice(options.io, 'options.io', IO_WISHES, 'prefer-direct'),
    engine: toChoice(options.engine, 'options.engine', ENGINE_WISHES, 'auto'),
    signal: toSignal(options.signal),
    onProgress,
  };
}
