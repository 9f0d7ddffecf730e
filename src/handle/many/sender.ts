// A group on its way: one request where that is all it takes, a transfer otherwise.
import { IovIter } from '../../iter/iov-iter.js';
import type { Limits } from '../../plan/limits.js';
import type { TransferOptions } from '../../transfer/options.js';
import type { How, Outcome } from '../../transfer/outcome.js';
import { type Single, type SingleOwner, takeSingle } from '../../transfer/single.js';
import type { Gaps } from './gaps.js';
import type { Group } from './groups.js';

/** What the file lends. */
export interface ManyHost {
  /** Of the direction. */
  readonly limits: Limits;
  readonly depth: number;
  readonly bytesInFlight: number | undefined;
  /** Throws where nothing may go out any more. `close` waits for it, until `settled` is called. */
  transfer(
    iter: IovIter,
    position: number,
    bytes: number,
    options: TransferOptions,
    resolve: (outcome: Outcome) => void,
    reject: (error: unknown) => void,
  ): void;
  /** The same of the first bytes of one view. False: it is no one request, or there is no room, and nothing happened. */
  single(
    single: Single,
    owner: SingleOwner,
    memory: ArrayBufferView,
    position: number,
    bytes: number,
    options: TransferOptions,
  ): boolean;
  settled(): void;
}

/** What becomes of a group: one of these, once. */
export interface GroupOwner<E> {
  moved(group: Group<E>, bytes: number, how: How): void;
  failed(group: Group<E>, error: unknown): void;
}

export class GroupSender<E> implements SingleOwner {
  readonly #host: ManyHost;
  readonly #owner: GroupOwner<E>;

  constructor(host: ManyHost, owner: GroupOwner<E>) {
    this.#host = host;
    this.#owner = owner;
  }

  send(group: Group<E>, gaps: Gaps, options: TransferOptions): void {
    try {
      if (!this.#sendSingle(group, options)) this.#sendTransfer(group, gaps, options);
    } catch (error) {
      // Refused before anything was sent: closed, or memory that is gone.
      this.#owner.failed(group, error);
    }
  }

  moved(single: Single, bytes: number, how: How): void {
    this.#owner.moved(this.#groupOf(single), bytes, how);
  }

  failed(single: Single, error: unknown): void {
    this.#owner.failed(this.#groupOf(single), error);
  }

  /** What has no neighbours is mostly one view, and one request. A signal takes a transfer. */
  #sendSingle(group: Group<E>, options: TransferOptions): boolean {
    const views = group.items[0]?.views;
    if (group.items.length > 1 || !ArrayBuffer.isView(views) || options.signal !== undefined) return false;
    const single = takeSingle();
    single.memory = group;
    const { start, end } = group;
    if (this.#host.single(single, this, views, start, end - start, options)) return true;
    single.recycle();
    return false;
  }

  #sendTransfer(group: Group<E>, gaps: Gaps, options: TransferOptions): void {
    const iter = IovIter.iovec(gaps.memoryOf(group));
    const done = (outcome: Outcome): void => {
      this.#host.settled();
      this.#owner.moved(group, outcome.bytes, outcome);
    };
    const failed = (error: unknown): void => {
      this.#host.settled();
      this.#owner.failed(group, error);
    };
    this.#host.transfer(iter, group.start, group.end - group.start, options, done, failed);
  }

  /** The single is done with. */
  #groupOf(single: Single): Group<E> {
    const group = single.memory as Group<E>; // put there when it was sent
    single.recycle();
    this.#host.settled();
    return group;
  }
}
