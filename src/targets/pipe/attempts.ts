// How often a side that says it is ready may move nothing, until that is an error: what keeps every loop here bounded.

/** An answer of no bytes, where there are some to move: it may happen once. */
const EMPTY_MAX = 1;
/** EAGAIN after all: somebody who shares the stream was quicker. With these pauses it is tried for a second or more. */
const BEATEN_MAX = 32;
const PAUSE_MAX_MS = 64;

export class Attempts {
  #empty = 0;
  #beaten = 0;

  /** Bytes moved. */
  moved(): void {
    this.#empty = 0;
    this.#beaten = 0;
  }

  /** Nothing moved, and nobody says why. False: that was once too often. */
  empty(): boolean {
    return ++this.#empty <= EMPTY_MAX;
  }

  /** EAGAIN although it was ready. For how long to pause, in ms; −1: that was once too often. */
  beaten(): number {
    if (++this.#beaten > BEATEN_MAX) return -1;
    return this.#beaten < 2 ? 0 : Math.min(2 ** this.#beaten, PAUSE_MAX_MS);
  }
}
