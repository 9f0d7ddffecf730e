// The open file as its streams see it: its transfers, its own position, and its closing.
import type { IovIter } from '../iter/iov-iter.js';
import type { Direction } from '../plan/limits.js';
import type { StreamHost } from '../streams/host.js';
import type { FileLike } from '../transfer/file-like.js';
import type { TransferOptions } from '../transfer/options.js';
import type { Outcome } from '../transfer/outcome.js';
import { runTransfer } from '../transfer/transfer.js';
import type { OwnPosition } from './own-position.js';

/** What the file lends. */
export interface FileCore {
  readonly target: FileLike;
  readonly appends: boolean;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  readonly own: OwnPosition;
  mustBeOpen(syscall: string): void;
  /** Closing waits for what has begun and not settled. */
  begin(): void;
  settled(): void;
  /** After writes that went to the end of the file. */
  followEnd(): Promise<void>;
  close(): Promise<void>;
}

export class FileStreamHost implements StreamHost {
  readonly target: FileLike;
  readonly appends: boolean;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  readonly #core: FileCore;
  readonly #ends = new Set<() => void>();

  constructor(core: FileCore) {
    this.target = core.target;
    this.appends = core.appends;
    this.depth = core.depth;
    this.bytesInFlight = core.bytesInFlight;
    this.#core = core;
  }

  mustBeOpen(syscall: string): void {
    this.#core.mustBeOpen(syscall);
    this.target.check();
  }

  transfer(
    iter: IovIter,
    position: number,
    bytes: number,
    direction: Direction,
    options: TransferOptions,
    resolve: (outcome: Outcome) => void,
    reject: (error: unknown) => void,
  ): void {
    this.target.check();
    runTransfer(this.target, iter, position, bytes, direction, options, resolve, reject);
  }

  get ownPosition(): number {
    return this.#core.own.value;
  }

  take(bytes: number, got: (position: number) => void): void {
    this.#core.own.take(bytes, got);
  }

  giveBack(taken: number, used: number): void {
    this.#core.own.giveBack(taken, used);
  }

  async inTurn(work: (position: number) => Promise<number>): Promise<void> {
    const { own } = this.#core;
    this.#core.begin();
    try {
      await own.inTurn(async () => {
        own.value = await work(own.value);
      });
    } finally {
      this.#core.settled();
    }
  }

  join(end: () => void): () => void {
    this.#core.begin();
    this.#ends.add(end);
    return () => {
      if (this.#ends.delete(end)) void this.#leave();
    };
  }

  async #leave(): Promise<void> {
    if (this.appends) await this.#core.own.inTurn(() => this.#core.followEnd());
    this.#core.settled();
  }

  /** The file is being closed. */
  endAll(): void {
    for (const end of [...this.#ends]) end();
  }

  close(): Promise<void> {
    return this.#core.close();
  }
}
