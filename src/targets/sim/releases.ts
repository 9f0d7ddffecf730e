// When a simulated target gives memory back: with the answer, some time after it, or with the commit that covers it.
import type { DioriteError } from '../../base/errors.js';
import type { SimClock } from './clock.js';
import type { Operation } from './operation.js';
import type { SimOptions } from './options.js';

export class Releases {
  readonly #clock: SimClock;
  readonly #options: SimOptions;
  readonly #delay: () => number;
  readonly #release: (operation: Operation, lost: DioriteError | null) => void;
  readonly #onCommit: () => DioriteError | null;
  #uncommitted: Operation[] = [];
  #uncommittedBytes = 0;
  /** Counts commits: one that was scheduled for what is committed already does nothing. */
  #generation = 0;

  /** `delay`: how long after the answer, where `releaseLatency` is given. `onCommit`: what is answered becomes durable, or why not. */
  constructor(
    clock: SimClock,
    options: SimOptions,
    delay: () => number,
    release: (operation: Operation, lost: DioriteError | null) => void,
    onCommit: () => DioriteError | null,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#delay = delay;
    this.#release = release;
    this.#onCommit = onCommit;
  }

  /** To be called when the operation has been answered; `failed` ones wait for no commit. */
  answered(operation: Operation, failed: boolean): void {
    const { commits, releaseLatency } = this.#options;
    const { request } = operation;
    if (commits !== undefined && !failed && request.direction === 'write' && !request.dsync) {
      this.#wait(operation, commits.bytes, commits.afterNanos);
    } else if (releaseLatency === undefined) this.#release(operation, null);
    else this.#clock.after(this.#delay(), () => this.#release(operation, null));
  }

  /** A server commits by itself when enough is there, or nothing more comes: nobody waits for ever. */
  #wait(operation: Operation, bytesMax: number, afterNanos: number): void {
    this.#uncommitted.push(operation);
    this.#uncommittedBytes += operation.request.bytes;
    const generation = this.#generation;
    const delayNanos = this.#uncommittedBytes >= bytesMax ? 0 : afterNanos;
    if (this.#uncommitted.length > 1 && delayNanos > 0) return;
    this.#clock.after(delayNanos, () => this.#commit(generation));
  }

  #commit(generation: number): void {
    if (generation !== this.#generation) return;
    const failure = this.#onCommit();
    for (const operation of this.take()) this.#release(operation, failure);
  }

  /** Whoever waits for nothing else gets its commit now. */
  hasten(): void {
    const generation = this.#generation;
    if (this.#uncommitted.length > 0) this.#clock.after(0, () => this.#commit(generation));
  }

  /** What waits for a commit now, and is from here on the caller's to release: covered by a sync that begins, say. */
  take(): Operation[] {
    this.#generation++;
    this.#uncommittedBytes = 0;
    return this.#uncommitted.splice(0);
  }
}
