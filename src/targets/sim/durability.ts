// What of a simulated target is durable: the ledger of what no good sync covers, and what a failed sync leaves behind.
import { type DioriteError, errors } from '../../base/errors.js';
import type { FaultRule } from './faults.js';
import { kernelError } from './kernel-error.js';
import type { Media } from './media.js';
import type { SimOptions } from './options.js';
import type { Prng } from './prng.js';
import { WrittenRanges } from './written-ranges.js';

export class Durability {
  readonly kind: 'answer' | 'sync' | 'never';
  readonly #name: string;
  readonly #media: Media;
  readonly #afterFailure: SimOptions['failedSync'];
  readonly #written: WrittenRanges = new WrittenRanges();
  #poison: DioriteError | null = null;

  constructor(name: string, media: Media, options: SimOptions) {
    this.kind = options.kind === 'pipe' ? 'never' : (options.durable ?? 'sync');
    this.#name = name;
    this.#media = media;
    this.#afterFailure = options.failedSync ?? 'loses';
  }

  /** Some of these bytes were written, and are not said to be durable. */
  noteWritten(offset: number, bytes: number): void {
    this.#written.add(offset, bytes);
  }

  noteAnswered(offset: number, bytes: number, dsync: boolean): void {
    if (dsync || this.kind === 'answer') this.#media.syncRange(offset, bytes);
    else this.#written.add(offset, bytes);
  }

  /** Everything answered so far becomes durable: what a target does by itself, now and then. */
  commit(): void {
    this.#media.sync();
    this.#written.clear();
  }

  /** Takes effect at once, for the medium has no time of its own. Returns what the sync is to be answered with. */
  sync(rule: FaultRule | null, number: number): DioriteError | null {
    if (this.kind === 'never') return kernelError('EINVAL', 'fsync', this.#name, 0, 0);
    if (this.#poison !== null) return this.#poisoned(this.#poison);
    if (rule === null) {
      this.commit();
      return null;
    }
    const failure = kernelError(rule.fault === 'ENOSPC' ? 'ENOSPC' : 'EIO', 'fsync', this.#name, 0, 0);
    failure.extents = this.#written.take();
    failure.bytes = 0;
    failure.message += ` (sync ${number})`;
    if (this.#afterFailure === 'keeps')
      for (const { offset, length } of failure.extents) this.noteWritten(offset, length);
    else this.#media.failSync();
    if (this.#afterFailure === 'poisons') this.#poison = failure;
    return failure;
  }

  crash(prng: Prng): void {
    this.#media.crash(prng);
    this.#written.clear();
    this.#poison = null;
  }

  #poisoned(cause: DioriteError): DioriteError {
    const message = `${this.#name}: an earlier sync failed (${cause.code})`;
    const error = errors.make('ERR_DIORITE_POISONED', message, { path: this.#name, cause });
    error.extents = cause.extents ?? [];
    return error;
  }
}
