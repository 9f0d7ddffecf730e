// Reads and writes in flight: how many more there may be, who waits for room, which call object serves which request.
import type { Committed, IoCall } from '../protocol.js';
import { DataCall } from './data-call.js';
import type { Dispatcher } from './dispatcher.js';

export class DataPath {
  readonly #dispatcher: Dispatcher;
  readonly #free: DataCall[] = [];
  readonly #used: Set<DataCall> = new Set();
  #waiting: (() => void)[] = [];
  #telling = false;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  get room(): number {
    return Math.max(0, this.#dispatcher.dataSlots - this.#used.size);
  }

  get inFlight(): number {
    return this.#used.size;
  }

  onceRoom(callback: () => void): void {
    this.#waiting.push(callback);
    this.tell();
  }

  /** Whoever waits for room is told on another turn, if there is some then. */
  tell(): void {
    if (this.#telling || this.#waiting.length === 0) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.room === 0) return;
      const callbacks = this.#waiting;
      this.#waiting = [];
      for (const callback of callbacks) callback();
    });
  }

  /** `stable` null: a READ. */
  start(io: IoCall, stable: Committed | null): void {
    const call = this.#free.pop() ?? new DataCall(this.#dispatcher, (settled) => this.#settled(settled));
    call.set(io, stable);
    this.#used.add(call);
    this.#dispatcher.submit(call);
  }

  #settled(call: DataCall): void {
    this.#used.delete(call);
    this.#free.push(call);
    this.tell();
  }

  abandon(io: IoCall): void {
    for (const call of this.#used) {
      if (call.io !== io) continue;
      this.#dispatcher.abandon(call);
      return;
    }
  }
}
