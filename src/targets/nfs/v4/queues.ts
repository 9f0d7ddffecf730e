// Calls that wait for a slot, in the order of their coming: what recovery needs first, then what is awaited, then data.
import type { Lane, SessionCall } from './session-call.js';

export class Queues {
  readonly #lanes: Readonly<Record<Lane, SessionCall[]>> = { recovery: [], operation: [], data: [] };

  get empty(): boolean {
    const { recovery, operation, data } = this.#lanes;
    return recovery.length === 0 && operation.length === 0 && data.length === 0;
  }

  push(call: SessionCall): void {
    this.#lanes[call.lane].push(call);
  }

  /** The one to go next; it stays. `all`: not only recovery's; `data`: reads and writes may go too. */
  first(all: boolean, data: boolean): SessionCall | null {
    const lanes = this.#lanes;
    const recovery = lanes.recovery[0];
    if (recovery !== undefined) return recovery;
    if (!all) return null;
    return lanes.operation[0] ?? (data ? lanes.data[0] : undefined) ?? null;
  }

  /** False: it does not wait. */
  remove(call: SessionCall): boolean {
    const lane = this.#lanes[call.lane];
    if (lane[0] === call) {
      lane.shift();
      return true;
    }
    const at = lane.indexOf(call);
    if (at < 0) return false;
    lane.splice(at, 1);
    return true;
  }

  /** A copy. */
  all(): SessionCall[] {
    const { recovery, operation, data } = this.#lanes;
    return [...recovery, ...operation, ...data];
  }
}
