// Write-behind for whoever waits with promises: web streams and iterables.
import type { Outcome } from '../transfer/outcome.js';
import type { StreamHost } from './host.js';
import type { Piece } from './pieces.js';
import { WriteBehind, type WriteBehindOptions } from './write-behind.js';

export interface WriteSinkOptions extends WriteBehindOptions {
  /** Synced before `end` resolves. */
  readonly sync: boolean;
  readonly autoClose: boolean;
  /** By itself, while nobody waits: nothing more is written. */
  readonly failed: (error: Error) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class WriteSink {
  readonly #host: StreamHost;
  readonly #options: WriteSinkOptions;
  readonly #behind: WriteBehind;
  readonly #leave: () => void;
  #waiter: Waiter | null = null;
  #synced = false;

  /** `end`: the file is being closed. */
  constructor(host: StreamHost, options: WriteSinkOptions, end: () => void) {
    this.#host = host;
    this.#options = options;
    this.#behind = new WriteBehind(host, options, { taken: (error) => this.#taken(error), failed: options.failed });
    this.#leave = host.join(end);
  }

  get outcome(): Outcome {
    return this.#behind.outcome(this.#synced);
  }

  /** Null: taken at once. What is given belongs to the sink until the promise settles. */
  write(chunk: Uint8Array): Promise<void> | null {
    return this.#behind.take(chunk) ? null : this.#untilTaken();
  }

  /** As `write`, of all of them. */
  writeAll(pieces: readonly Piece[]): Promise<void> | null {
    return this.#behind.takeAll(pieces) ? null : this.#untilTaken();
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #taken(error: Error | null): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (error === null) waiter?.resolve();
    else waiter?.reject(error);
  }

  /** Resolves when all is written, and synced where that was asked or is the target's way. */
  async end(): Promise<void> {
    const { target } = this.#host;
    await new Promise<void>((resolve, reject) => {
      this.#behind.end((error) => (error === null ? resolve() : reject(error)));
    });
    if (this.#options.sync) {
      await target.sync();
      this.#synced = true;
    }
    await this.#close();
  }

  /** The error with the ledger of all that was given. */
  tell(error: unknown): Error {
    return this.#behind.tell(error);
  }

  /** Sends nothing more; resolves when everything in flight was answered. */
  async abort(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#behind.stop(false, resolve);
    });
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#leave();
    if (this.#options.autoClose) await this.#host.close();
  }
}
