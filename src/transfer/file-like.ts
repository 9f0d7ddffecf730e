// What a target offers that opens as a File: beyond reads and writes, what Node's FileHandle can do.
import type { BigIntStats, StatOptions, Stats } from 'node:fs';
import type { Direction } from '../plan/limits.js';
import type { FileFacts } from './facts.js';
import type { Holes, Target } from './target.js';

/** What the caller asks for; the result's `io` says what it got. Where no page cache lies between, all are `direct`. */
export type IoOption = 'direct' | 'prefer-direct' | 'drop-behind' | 'buffered';

/** Each rejects with ERR_DIORITE_UNSUPPORTED where it cannot be had; then nothing happened. */
export interface FileSpace extends Holes {
  /** Gives the space of the range back: it reads as zeros then. The size stays. */
  punch(offset: number, length: number): Promise<void>;
  /** Makes the range read as zeros without anybody sending them. A device takes whole blocks only. */
  zeroRange?(offset: number, length: number): Promise<void>;
}

/** The file as the target of one atomic write: its limits let nothing be cut. */
export interface AtomicTarget extends Target {
  /** What the write rejects with, given what the transfer rejected with: a refusal names the limits. */
  refusal(error: unknown): unknown;
}

/**
 * An open file, wherever it is. What a target cannot do at all it leaves out, and a File then refuses it by name; what
 * it cannot do for this file rejects with ERR_DIORITE_UNSUPPORTED.
 */
export interface FileLike extends Target {
  readonly facts: FileFacts;
  /** What carries the requests: `uring`, `threads`, or the name of a protocol. */
  readonly engineName: string;
  /** The descriptor, as it was opened; −1: there is none in this process. */
  readonly fd: number;
  readonly holes?: FileSpace;
  /** Throws where nothing may go out any more: closed, or a sync has failed. */
  check(): void;
  /** Why this direction does not go direct; null: it does. */
  notDirect(direction: Direction): string | null;
  /** As fs.FileHandle's; asked now, never remembered. */
  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats>;
  /** How many bytes it holds, asked now: a block device's capacity, else the file's size. */
  askBytes(): Promise<number>;
  /** Makes the file `bytes` long: what is added reads as zeros. */
  truncate(bytes: number): Promise<void>;
  /** Permission bits. */
  chmod?(mode: number): Promise<void>;
  /** −1 leaves either as it is. */
  chown?(uid: number, gid: number): Promise<void>;
  /** Seconds since 1970, with a fraction. */
  utimes?(atimeSeconds: number, mtimeSeconds: number): Promise<void>;
  /** Reserves space; `keepSize`: the file does not become longer. */
  allocate?(offset: number, length: number, keepSize: boolean): Promise<void>;
  /** Throws where it cannot be promised for just this range. */
  atomicWrite?(offset: number, bytes: number): AtomicTarget;
}
