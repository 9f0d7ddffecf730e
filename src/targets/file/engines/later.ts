// What all engines share: calling back without losing anything to an exception, and who waits for room.

export interface Completable {
  complete(result: number): void;
}

function throwIt(error: unknown): void {
  throw error;
}

/** An exception of somebody else's callback: uncaught, but on a turn of its own, so that it ends nothing of ours. */
export function reportUncaught(error: unknown): void {
  process.nextTick(throwIt, error);
}

/** For callers that must go on whatever the callback does. */
export function completeSafely(operation: Completable, result: number): void {
  try {
    operation.complete(result);
  } catch (error) {
    reportUncaught(error);
  }
}

/** Answers an operation that never reached the kernel: `submit` itself may not, and may not throw. */
export function completeLater(operation: Completable, result: number): void {
  process.nextTick(completeSafely, operation, result);
}

/** Those who were told "full". Each is called once, in order, as long as there is room: the first may fill it again. */
export class RoomQueue {
  readonly #hasRoom: () => boolean;
  #waiting: (() => void)[] = [];
  #scheduled = false;

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  add(callback: () => void): void {
    this.#waiting.push(callback);
    // Who asks though there is room would wait for a completion that may never come.
    if (this.#hasRoom()) this.#schedule();
  }

  /** After completions; costs a comparison when nobody waits. */
  notify(): void {
    if (this.#waiting.length > 0) this.#run();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    // At most those who wait now: one that asks again is served after the next completion, not in this loop.
    for (let left = this.#waiting.length; left > 0 && this.#hasRoom(); left--) {
      const callback = this.#waiting.shift();
      try {
        callback?.();
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}
