// What a copy writes to, and how it becomes visible: one class for each kind of thing.
import type { DataRange, IoMode, Target } from '../transfer/target.js';
import type { Sink } from './lane.js';
import type { Source } from './source.js';
import type { Tally } from './tally.js';

/** Whether a file became all of another one without its bytes passing through here; `reason`: why it did not. */
export type Shortcut = { readonly io: 'clone' | 'server-copy' } | { readonly io: null; readonly reason: string };

export interface ShortcutOptions {
  readonly signal: AbortSignal | undefined;
  /** How far it is, by bytes from the start. */
  readonly onProgress: (doneBytes: number) => void;
}

/**
 * Life: opened → (`takeFrom`) → `reserve` → writes → `settle` → (read back, where it is verified) → `publish`, or
 * `discard` at any time before. Both ends close it.
 */
export interface Destination extends Sink {
  /** Where the bytes are in the end. */
  readonly path: string;
  /** Where they are until `publish`: what is read back; null where nothing can be. */
  readonly readBackPath: string | null;
  readonly tally: Tally;
  /** What the bytes go to, and where the first one does, for who knows another way there than `write`. */
  readonly target?: Target;
  readonly origin?: number;
  readonly engine: string;
  readonly engineReason: string | null;
  /** Becomes all of the source by a clone or by its server's work, instead of `reserve` and writes; or says why not. */
  takeFrom?(source: Source, options: ShortcutOptions): Promise<Shortcut>;
  /** Before the first byte: room for `bytes`, of which `ranges` hold data. Throws where it is known not to fit. */
  reserve(bytes: number, ranges: () => AsyncIterable<DataRange>): Promise<void>;
  /**
   * After the last byte: the size is right, and what will be read back is on stable storage where there is one. Where it
   * rejects with ERR_DIORITE_VERIFIER, the extents that were lost are written again, and it is asked again.
   */
  settle(bytes: number, readBack: boolean): Promise<void>;
  /** Nothing was ever written to a part of the extents that are told as lost: it is a hole, and may stay one. */
  notWritten?(range: DataRange): void;
  ioMode(): IoMode;
  /** Makes it durable and visible under its name. Returns whether bytes and name are on stable storage. */
  publish(): Promise<boolean>;
  /** Leaves things as they were, as far as that can be done; never throws. */
  discard(): Promise<void>;
}
