// Random numbers that are the same in each run: xorshift32.
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An integer 0 … limit − 1, for limits well below 2^32. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % limit;
  }

  shuffle(values: unknown[]): void {
    for (let i = values.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      [values[i], values[other]] = [values[other], values[i]];
    }
  }
}
