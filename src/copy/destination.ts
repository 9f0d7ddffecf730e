// What a copy writes to, and how it becomes visible: one class for each kind of thing.
import type { FileLike } from '../transfer/file-like.js';
import type { DataRange, IoMode } from '../transfer/target.js';
import type { Sink } from './lane.js';
import type { Tally } from './tally.js';

/**
 * Life: opened → (`cloneFrom`) → `reserve` → writes → `settle` → (read back, where it is verified) → `publish`, or
 * `discard` at any time before. Both ends close it.
 */
export interface Destination extends Sink {
  /** Where the bytes are in the end. */
  readonly path: string;
  /** Where they are until `publish`: what is read back; null where nothing can be. */
  readonly readBackPath: string | null;
  readonly tally: Tally;
  readonly engine: string;
  readonly engineReason: string | null;
  /** Becomes all of the source without a byte being moved, instead of `reserve` and writes; or says why it cannot. */
  cloneFrom?(source: FileLike): Promise<string | null>;
  /** Before the first byte: room for `bytes`, of which `ranges` hold data. Throws where it is known not to fit. */
  reserve(bytes: number, ranges: () => AsyncIterable<DataRange>): Promise<void>;
  /** After the last byte: the size is right, and what will be read back is on stable storage where there is one. */
  settle(bytes: number, readBack: boolean): Promise<void>;
  ioMode(): IoMode;
  /** Makes it durable and visible under its name. Returns whether bytes and name are on stable storage. */
  publish(): Promise<boolean>;
  /** Leaves things as they were, as far as that can be done; never throws. */
  discard(): Promise<void>;
}
