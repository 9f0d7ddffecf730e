// Where entries come from: an iterable, or an async one, which may have nothing ready for a while.
import { errors } from '../../base/errors.js';

export interface SourceOwner {
  /** Whether there is room for another entry. */
  wants(): boolean;
  /** Throws where the value is no entry: the source ends there, as if it had thrown. */
  take(value: unknown): void;
  /** The source has ended, or has nothing more ready in this turn. */
  sourceChanged(): void;
}

type Step = IteratorResult<unknown, unknown>;

/**
 *      next() ── settled ── take ── next() ── settled ── take ── next() ─ ─ ─ (pending)
 *      |------------------ microtasks, `flowing` -----------------------|tick: nothing more is ready
 *
 * An async source gives what it has in a row of microtasks. A tick runs when they have run out: what was taken until
 * then goes out, however long the next entry takes.
 */
export class EntrySource {
  readonly #owner: SourceOwner;
  readonly #sync: Iterator<unknown> | null;
  readonly #async: AsyncIterator<unknown> | null;
  #asking = false;
  #pulling = false;
  #flowing = false;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(entries: unknown, owner: SourceOwner) {
    this.#owner = owner;
    // A string is iterable, and no list of entries.
    const source = (typeof entries === 'object' ? entries : null) as Partial<AsyncIterable<unknown>> &
      Partial<Iterable<unknown>>;
    this.#async = source?.[Symbol.asyncIterator]?.() ?? null;
    this.#sync = this.#async === null ? (source?.[Symbol.iterator]?.() ?? null) : null;
    if (this.#async === null && this.#sync === null)
      throw errors.invalidType('entries', 'an iterable or async iterable of { position, memory }', entries);
  }

  /** More is coming in this very turn. */
  get flowing(): boolean {
    return this.#flowing;
  }

  get isSync(): boolean {
    return this.#sync !== null;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What the source threw, or the error of a value that is no entry. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** A list is taken from while there is room. An async source is asked, and asked again as it answers. */
  pull(): void {
    if (this.#sync === null) return this.#ask();
    // A generator may come back here through its own code.
    if (this.#pulling) return;
    this.#pulling = true;
    try {
      while (!this.#ended && this.#owner.wants()) this.#settle(this.#sync.next());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#pulling = false;
    }
  }

  #ask(): void {
    if (this.#asking || this.#ended || this.#async === null || !this.#owner.wants()) return;
    this.#asking = true;
    try {
      this.#async.next().then(this.#onStep, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #onStep = (step: Step): void => {
    this.#asking = false;
    const stopped = this.#ended;
    this.#settle(step);
    if (stopped) return;
    if (this.#ended) return this.#owner.sourceChanged();
    this.#waitForTick();
    this.#ask();
  };

  readonly #onError = (error: unknown): void => {
    this.#asking = false;
    if (this.#ended) return;
    this.#fail(error);
    this.#owner.sourceChanged();
  };

  #waitForTick(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    process.nextTick(() => {
      this.#flowing = false;
      this.#owner.sourceChanged();
    });
  }

  #settle(step: Step): void {
    // Stopped by the source's own code: what it gives then is not touched.
    if (this.#ended) return;
    if (step.done === true) {
      this.#ended = true;
      return;
    }
    try {
      this.#owner.take(step.value);
    } catch (error) {
      this.#fail(error);
      void this.#close();
    }
  }

  #fail(error: unknown): void {
    this.#ended = true;
    this.#failure = { error };
  }

  /** Takes no more, and lets the source clean up; resolves when it has, unless it is still busy with an entry. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const closed = this.#close();
    // A generator that is waiting for its next entry would clean up only then, which may be never.
    if (!this.#asking) await closed;
  }

  async #close(): Promise<void> {
    try {
      await (this.#sync ?? this.#async)?.return?.();
    } catch (error) {
      // As `for await` has it: the error that ended the loop wins over one of the cleanup.
      this.#failure ??= { error };
    }
  }
}
