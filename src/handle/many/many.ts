// readMany and writeMany: many small reads or writes as few requests, each entry answered by itself.
//
//      source ── take ──▶ [ collected ] ── sort, merge ──▶ [ groups ] ── transfer ──▶ [ answers ] ──▶ consumer
//                └──────────────── together at most the window: entries and bytes ────────────────┘
//
// Groups are made only when one can go out, of all that has been collected by then: the busier the disk, the more is
// merged, and an entry never waits for a neighbour that may come.
import { setMaxListeners } from 'node:events';
import { assert } from '../../base/assert.js';
import { DioriteError, errors } from '../../base/errors.js';
import type { Direction } from '../../plan/limits.js';
import { BYTES_IN_FLIGHT_DEFAULT, type TransferOptions } from '../../transfer/options.js';
import type { How } from '../../transfer/outcome.js';
import { Delivery } from './delivery.js';
import { errorOf, type Item, isDone, type ManyEntry, toItem } from './entry.js';
import { type Group, groupsOf, type Merging, takeAll, takeDisjoint } from './groups.js';
import type { Settings } from './options.js';
import { GroupSender, type ManyHost } from './sender.js';
import { EntrySource } from './source.js';
import { Tally } from './tally.js';

interface AnswerLike {
  readonly index: number;
  readonly error: Error | null;
}

/** A group is so many times what is best for one request: its last one, which may be small, then counts little. */
const GROUP_TIMES = 4;

/**
 * The answers of a `readMany` or `writeMany`, in the order in which they come. Nothing begins before it is iterated, or
 * `all` or `allSettled` is called; one of these, once. An entry's memory belongs to it until the entry is answered.
 *
 * An entry that fails is answered with its `error` and fails no other. The iteration itself rejects, after the last
 * answer, when the signal was aborted, and when the source threw or gave something that is no entry. Leaving a
 * `for await` early sends nothing more and waits for what is in flight.
 */
export class Many<E extends ManyEntry, A extends AnswerLike>
  extends Tally
  implements AsyncIterableIterator<A, undefined>
{
  readonly #host: ManyHost;
  readonly #direction: Direction;
  readonly #settings: Settings;
  readonly #merging: Merging;
  readonly #transferOptions: TransferOptions;
  readonly #depth: number;
  readonly #bytesInFlightMax: number;
  readonly #source: EntrySource;
  readonly #toAnswer: (item: Item<E>, bytes: number, error: Error | null) => A;

  #claimed: 'no' | 'iterated' | 'collected' = 'no';
  /** Taken from the source; not in a group yet. */
  #collected: Item<E>[] = [];
  /** Of the last merge, from `#nextGroup` on; and entries of a group that failed, which go again one by one. */
  #groups: Group<E>[] = [];
  #nextGroup = 0;
  #alone: Group<E>[] = [];
  readonly #sender: GroupSender<E>;
  readonly #inFlight = new Set<Group<E>>();
  #inFlightBytes = 0;
  #feeding = false;
  #feedAgain = false;

  #taken = 0;
  /** Of entries that nobody has the answer of yet. */
  #heldEntries = 0;
  #heldBytes = 0;
  readonly #delivery: Delivery<A>;

  #aborted: Error | null = null;
  #aborter: AbortController | null = null;
  #removeListener: (() => void) | null = null;
  #returned = false;
  #finished = false;
  readonly #onFinished: (() => void)[] = [];

  constructor(
    host: ManyHost,
    entries: unknown,
    direction: Direction,
    settings: Settings,
    toAnswer: (item: Item<E>, bytes: number, error: Error | null) => A,
  ) {
    super(settings.gapBytes);
    this.#host = host;
    this.#direction = direction;
    this.#settings = settings;
    this.#toAnswer = toAnswer;
    this.#sender = new GroupSender(host, {
      moved: (group, bytes, how) => this.#done(group, bytes, how),
      failed: (group, error) => this.#failed(group, error),
    });
    this.#delivery = new Delivery((bytes) => this.#release(bytes));
    this.#depth = settings.depth ?? host.depth;
    this.#bytesInFlightMax = settings.bytesInFlight ?? host.bytesInFlight ?? BYTES_IN_FLIGHT_DEFAULT;
    this.#merging = {
      gapBytes: settings.gapBytes,
      groupBytes: GROUP_TIMES * host.limits.bestBytes,
      alignment: direction === 'write' ? host.limits.endAlignment : 1,
    };
    const { dsync, stable } = settings;
    this.#transferOptions = { depth: this.#depth, bytesInFlight: this.#bytesInFlightMax, dsync, stable };
    this.#source = new EntrySource(entries, {
      wants: () => this.#wants(),
      take: (entry) => this.#take(entry as E), // checked there
      sourceChanged: () => this.#feed(),
    });
  }

  // ---- for whom it is done ---------------------------------------------------------------------------------------

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<A, undefined>> {
    if (this.#claimed !== 'iterated') this.#claim('iterated');
    const next = this.#delivery.next();
    this.#feed();
    return next;
  }

  /** Sends nothing more, and waits for what is in flight. */
  async return(): Promise<IteratorResult<A, undefined>> {
    if (this.#claimed === 'no') this.#claimed = 'iterated';
    this.#returned = true;
    this.#takeUnsent();
    const stopped = this.#source.stop();
    this.#feed();
    await this.#whenFinished();
    await stopped;
    return { value: undefined, done: true };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.return().then(() => {});
  }

  /** Every entry's answer, in the order of the entries. Rejects, once all is settled, with the first entry's error. */
  async all(): Promise<A[]> {
    const answers = await this.allSettled();
    for (const { error } of answers) if (error !== null) throw error;
    return answers;
  }

  /** As `all`, and leaves it to the caller to look at each answer's `error`. */
  async allSettled(): Promise<A[]> {
    const answers: A[] = [];
    this.#claim('collected');
    this.#delivery.collectInto(answers);
    this.#feed();
    await this.#whenFinished();
    const failure = this.#failure();
    if (failure !== null) throw failure.error;
    // Each has been answered once: sorted by being put in its place.
    const sorted = [...answers];
    for (const answer of answers) sorted[answer.index] = answer;
    return sorted;
  }

  #whenFinished(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#finished) resolve();
      else this.#onFinished.push(resolve);
    });
  }

  #claim(how: 'iterated' | 'collected'): void {
    if (this.#claimed !== 'no')
      throw errors.make('ERR_DIORITE_CLOSED', 'The answers are being taken already: they can be had once');
    this.#claimed = how;
    const { signal } = this.#settings;
    if (signal === undefined) return;
    if (signal.aborted) return this.#abort(signal);
    const onAbort = (): void => this.#abort(signal);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#removeListener = () => signal.removeEventListener('abort', onAbort);
  }

  // ---- entries in ------------------------------------------------------------------------------------------------

  #wants(): boolean {
    if (this.#heldEntries === 0) return true;
    const { windowEntries, windowBytes } = this.#settings;
    return this.#heldEntries < windowEntries && this.#heldBytes < windowBytes;
  }

  /** A list is there all the time: it is taken from when there is much room, so that there is much to merge. */
  #isTimeToPull(): boolean {
    if (!this.#source.isSync) return true;
    if (this.#collected.length > 0) return false;
    const { windowEntries, windowBytes } = this.#settings;
    return this.#heldEntries <= windowEntries / 2 && this.#heldBytes <= windowBytes / 2;
  }

  #take(entry: E): void {
    const item = toItem(entry, this.#taken);
    this.#taken++;
    this.#heldEntries++;
    this.#heldBytes += item.bytes;
    if (item.bytes === 0) this.#answer(item, 0, null);
    else this.#collected.push(item);
  }

  // ---- groups out ------------------------------------------------------------------------------------------------

  /** Sends what can be sent, takes what can be taken, and ends what has ended. Callbacks come back here: one at a time. */
  #feed(): void {
    if (this.#claimed === 'no') return;
    if (this.#feeding) {
      this.#feedAgain = true;
      return;
    }
    this.#feeding = true;
    try {
      do {
        this.#feedAgain = false;
        while (this.#sendOne());
        if (this.#aborted === null && !this.#returned && !this.#source.isSync) this.#source.pull();
      } while (this.#feedAgain);
    } finally {
      this.#feeding = false;
    }
    this.#finishIfDone();
  }

  #sendOne(): boolean {
    if (this.#inFlight.size >= this.#depth) return false;
    const group = this.#alone[0] ?? this.#groups[this.#nextGroup] ?? this.#merge();
    if (group === undefined || !this.#mayGo(group)) return false;
    if (group === this.#alone[0]) this.#alone.shift();
    else this.#nextGroup++;
    this.#send(group);
    return true;
  }

  /** The first group of all that has been collected, if it is time to send it. */
  #merge(): Group<E> | undefined {
    if (this.#aborted !== null || this.#returned) return undefined;
    if (this.#source.isSync && this.#isTimeToPull()) this.#source.pull();
    if (this.#source.flowing || this.#collected.length === 0) return undefined;
    const sorted = this.#direction === 'write' ? takeDisjoint(this.#collected) : takeAll(this.#collected);
    this.#groups = groupsOf(sorted, this.#merging);
    this.#nextGroup = 0;
    return this.#groups[0];
  }

  /** The byte budget; and what is being written there must have been written first. */
  #mayGo({ start, end }: Group<E>): boolean {
    if (this.#inFlight.size === 0) return true;
    if (this.#inFlightBytes + end - start > this.#bytesInFlightMax) return false;
    if (this.#direction === 'read') return true;
    for (const other of this.#inFlight) if (other.start < end && start < other.end) return false;
    return true;
  }

  #send(group: Group<E>): void {
    const bytes = group.end - group.start;
    this.#inFlight.add(group);
    this.#inFlightBytes += bytes;
    this.#sender.send(group, this.gaps, this.#optionsOf(bytes));
  }

  #optionsOf(bytes: number): TransferOptions {
    if (this.#settings.signal === undefined || bytes <= this.#host.limits.bestBytes) return this.#transferOptions;
    if (this.#aborter === null) {
      this.#aborter = new AbortController();
      setMaxListeners(0, this.#aborter.signal);
    }
    return { ...this.#transferOptions, signal: this.#aborter.signal };
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  #done(group: Group<E>, moved: number, how: How): void {
    this.#landed(group);
    this.count(how);
    const end = group.start + moved;
    for (const item of group.items) {
      const bytes = Math.max(0, Math.min(item.bytes, end - item.position));
      this.#answer(item, bytes, null);
    }
    this.#feed();
  }

  /**
   * What the ledger calls done is answered so. Whose fault it was shows when each of the others goes alone: again, for
   * what was sent; a write to the same place of the same bytes. Only what fails alone has failed.
   */
  #failed(group: Group<E>, thrown: unknown): void {
    this.#landed(group);
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const extents = error instanceof DioriteError ? (error.extents ?? []) : [];
    const isLast = group.items.length === 1 || this.#aborted !== null;
    const again: Group<E>[] = [];
    for (const item of group.items) {
      if (isDone(item, extents)) this.#answer(item, item.bytes, null);
      else if (isLast)
        this.#answerError(item, group.items.length === 1 && extents.length > 0 ? error : errorOf(item, error));
      else again.push({ items: [item], start: item.position, end: item.position + item.bytes });
    }
    if (!this.#returned) this.#alone.unshift(...again);
    this.#feed();
  }

  #landed(group: Group<E>): void {
    assert(this.#inFlight.delete(group), 'a group lands once');
    this.#inFlightBytes -= group.end - group.start;
  }

  #answerError(item: Item<E>, error: Error): void {
    const bytes = error instanceof DioriteError ? (error.bytes ?? 0) : 0;
    this.#answer(item, bytes, error);
  }

  #answer(item: Item<E>, bytes: number, error: Error | null): void {
    item.iter?.advance(Math.min(bytes, item.iter.count));
    this.#delivery.give(this.#toAnswer(item, bytes, error), item.bytes);
  }

  /** The consumer has one more answer: there is room for another entry. */
  #release(bytes: number): void {
    this.#heldEntries--;
    this.#heldBytes -= bytes;
    if (!this.#feeding && !this.#source.ended && this.#isTimeToPull()) this.#feed();
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  #abort(signal: AbortSignal): void {
    if (this.#finished) return;
    this.#aborted = errors.aborted(signal.reason);
    void this.#source.stop();
    for (const item of this.#takeUnsent()) this.#answerError(item, errorOf(item, errors.aborted(signal.reason)));
    this.#aborter?.abort(signal.reason);
    this.#feed();
  }

  #takeUnsent(): Item<E>[] {
    const groups = [...this.#alone, ...this.#groups.slice(this.#nextGroup)];
    const unsent = [...groups.flatMap(({ items }) => items), ...this.#collected];
    this.#collected = [];
    this.#groups = [];
    this.#nextGroup = 0;
    this.#alone = [];
    return unsent;
  }

  #finishIfDone(): void {
    if (this.#finished || this.#inFlight.size > 0 || !this.#source.ended) return;
    if (this.#collected.length > 0 || this.#alone.length > 0 || this.#nextGroup < this.#groups.length) return;
    this.#finished = true;
    this.#removeListener?.();
    this.gaps.dispose();
    for (const finished of this.#onFinished) finished();
    this.#delivery.end(this.#failure());
  }

  /** What the iteration rejects with; null: it ends. */
  #failure(): { readonly error: unknown } | null {
    if (this.#returned) return null;
    return this.#aborted === null ? this.#source.failure : { error: this.#aborted };
  }
}
