// The handle's own position, and the queue of the calls that use it: they run in the order in which they were made.

export class OwnPosition {
  #value = 0;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  get value(): number {
    return this.#value;
  }

  set value(position: number) {
    this.#value = position;
  }

  /** Runs when all earlier ones have settled. */
  inTurn<R>(work: () => Promise<R>): Promise<R> {
    this.#waiting++;
    const turn = this.#last.then(async () => {
      try {
        return await work();
      } finally {
        this.#waiting--;
      }
    });
    this.#last = turn.catch(() => {}); // the caller has it; the next one in the queue goes on all the same
    return turn;
  }

  /** Moves by `bytes` and tells where it was: at once when nobody waits for a turn. `got` does not throw. */
  take(bytes: number, got: (position: number) => void): void {
    if (this.#waiting === 0) got(this.#move(bytes));
    else void this.inTurn(async () => got(this.#move(bytes)));
  }

  #move(bytes: number): number {
    const position = this.#value;
    this.#value += bytes;
    return position;
  }

  /** Of what was taken up to `taken` only what lies before `used` was used; nothing happens if somebody went on since. */
  giveBack(taken: number, used: number): void {
    if (this.#value === taken) this.#value = used;
  }
}
