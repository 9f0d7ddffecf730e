// Virtual time for the simulator: what will happen, in the order of when, with no timer and no waiting.
import { assert } from '../../base/assert.js';

/**
 * Who runs the events. `immediate`: the event loop does, a bounded number per turn. `microtask`: as soon as the
 * running script ends, and without ever giving the event loop its turn. `manual`: whoever calls `step`, `run` or
 * `settle`.
 */
export type Pump = 'immediate' | 'microtask' | 'manual';

interface Event {
  readonly atNanos: number;
  /** Events of the same instant happen in the order in which they were scheduled. */
  readonly order: number;
  readonly action: () => void;
}

/** Events of one turn of the event loop: enough to be fast, few enough that nothing else starves. */
const EVENTS_PER_TURN_MAX = 64;

/** How many turns without an event `settle` takes for silence: code under test may itself wait for a few turns. */
const SILENT_TURNS = 8;

/** Several targets may share one: their events then happen in one order. */
export class SimClock {
  readonly #pump: Pump;
  readonly #onThrow: ((error: unknown) => void) | undefined;
  /** A binary heap: the next event first. */
  readonly #events: Event[] = [];
  #nowNanos = 0;
  #order = 0;
  #pumping = false;

  /** `onThrow` gets what an event throws that nobody has called for; without it that is an uncaught exception. */
  constructor(pump: Pump = 'immediate', onThrow?: (error: unknown) => void) {
    this.#pump = pump;
    this.#onThrow = onThrow;
  }

  get nowNanos(): number {
    return this.#nowNanos;
  }

  /** How many events are still to happen. */
  get pending(): number {
    return this.#events.length;
  }

  /** Never calls `action` before it returns. */
  after(delayNanos: number, action: () => void): void {
    assert(delayNanos >= 0, 'nothing is scheduled in the past');
    this.#push({ atNanos: this.#nowNanos + delayNanos, order: this.#order++, action });
    this.#startPump();
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === null) return false;
    assert(event.atNanos >= this.#nowNanos, 'time does not run backwards');
    this.#nowNanos = event.atNanos;
    event.action();
    return true;
  }

  /** Lets everything happen at once, also what the events themselves schedule; returns how many. No promise runs. */
  run(): number {
    let count = 0;
    while (this.step()) count++;
    return count;
  }

  /** Lets everything happen, promises in between, until nothing is scheduled any more. */
  async settle(): Promise<void> {
    for (let silent = 0; silent < SILENT_TURNS; silent++) {
      for (let i = 0; i < EVENTS_PER_TURN_MAX && this.step(); i++) {
        silent = 0;
        await null;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #startPump(): void {
    if (this.#pumping || this.#pump === 'manual') return;
    this.#pumping = true;
    if (this.#pump === 'immediate') setImmediate(() => this.#pumpEvents(EVENTS_PER_TURN_MAX));
    else queueMicrotask(() => this.#pumpEvents(Number.POSITIVE_INFINITY));
  }

  /** One event per microtask: what an event resolves goes on before the next event happens. */
  #pumpEvents(budget: number): void {
    this.#pumping = budget > 0 && this.#events.length > 0;
    if (!this.#pumping) {
      if (this.#events.length > 0) this.#startPump();
      return;
    }
    try {
      this.step();
    } catch (error) {
      if (this.#onThrow === undefined) throw error;
      this.#onThrow(error);
    } finally {
      // Also when the event threw (a broken invariant): what follows it must not be stuck for that.
      queueMicrotask(() => this.#pumpEvents(budget - 1));
    }
  }

  #push(event: Event): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = events[parentAt] as Event; // parentAt < at < length
      if (!isBefore(event, parent)) break;
      events[at] = parent;
      at = parentAt;
    }
    events[at] = event;
  }

  #pop(): Event | null {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined) return null;
    if (events.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `event` where the first was, and lets it sink to its place. */
  #sink(event: Event): void {
    const events = this.#events;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = events[childAt];
      if (child === undefined) break;
      const right = events[childAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        childAt++;
        child = right;
      }
      if (!isBefore(child, event)) break;
      events[at] = child;
      at = childAt;
    }
    events[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atNanos < b.atNanos || (a.atNanos === b.atNanos && a.order < b.order);
}
