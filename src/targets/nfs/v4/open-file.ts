// A file that is open on the server: its handle, the stateid that stands for it, and whether the server still knows it.

import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import type { FileHandle, NfsOpenFile } from '../protocol.js';
import type { Stateid } from './stateid.js';

export interface OpenedState {
  readonly handle: FileHandle;
  readonly stateid: Stateid;
  /** Which of the client ids in a row the state belongs to: one that came before is forgotten with its state. */
  readonly epoch: number;
  /** The server's counter of changes when it was opened; null: it has none. */
  readonly change: bigint | null;
}

export interface OpenAccess {
  readonly reads: boolean;
  readonly writes: boolean;
  readonly isPrivate?: boolean | undefined;
}

/** Of no client id. */
const FORGOTTEN = -1;

/**
 * Each has an open owner of its own, so that the server keeps a state for each: two opens of a file under one owner
 * would be one state, which the first CLOSE would end for both.
 */
export class OpenFile implements NfsOpenFile {
  readonly handle: FileHandle;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly owner: Uint8Array;
  /** For messages. */
  readonly name: string;
  readonly change: bigint | null;
  readonly #isPrivate: boolean;
  #stateid: Stateid;
  #epoch: number;
  #failure: DioriteError | null = null;
  #isClosing = false;

  constructor(state: OpenedState, access: OpenAccess, owner: Uint8Array, name: string) {
    this.handle = state.handle;
    this.reads = access.reads;
    this.writes = access.writes;
    this.owner = owner;
    this.name = name;
    this.change = state.change;
    this.#isPrivate = access.isPrivate ?? false;
    this.#stateid = state.stateid;
    this.#epoch = state.epoch;
  }

  get stateid(): Stateid {
    return this.#stateid;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isLost(): boolean {
    return this.#failure !== null;
  }

  /** Why nothing can be done with it any more; null: it is well. */
  get failure(): DioriteError | null {
    return this.#failure;
  }

  /** Where the server has let go of it for good: whether it can be told that nobody else has changed it since. */
  get mayReopen(): boolean {
    return !this.#isClosing && (this.#isPrivate || (!this.writes && this.change !== null));
  }

  /** Whether it still is, by the counter that the server gives now, the file that was opened. */
  isUnchanged(change: bigint | null): boolean {
    return this.#isPrivate || change === this.change;
  }

  /** Its CLOSE is on the way. */
  closing(): void {
    this.#isClosing = true;
  }

  /** The server has let go of it alone: of the client it knows all else. */
  forgotten(): void {
    this.#epoch = FORGOTTEN;
  }

  /** The server, which had forgotten it, has given it back. */
  reclaimed(stateid: Stateid, epoch: number): void {
    this.#stateid = stateid;
    this.#epoch = epoch;
  }

  /**
   * The server has given it up and may have let others in since: opened again it might be another file's bytes. The
   * first reason stays.
   */
  lose(reason: DioriteError): void {
    this.#failure ??= reason;
  }
}

/** A file of this protocol: the layers above hand back only what `open` gave them. */
export function ours(file: NfsOpenFile): OpenFile {
  assert(file instanceof OpenFile, 'a file is given to the protocol that opened it');
  return file;
}
