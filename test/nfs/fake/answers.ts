// When the fake server answers: in a later turn of the event loop, in any order that is asked for, or when the test says.

interface Answer {
  readonly give: () => void;
}

export class FakeAnswers {
  readonly #pick: ((below: number) => number) | undefined;
  readonly #due: Answer[] = [];
  readonly #held: Answer[] = [];
  #scheduled = false;

  /** `pick`: which of so many is given next; absent: the oldest. */
  constructor(pick: ((below: number) => number) | undefined) {
    this.#pick = pick;
  }

  get held(): number {
    return this.#held.length;
  }

  /** Returns what takes the answer back, if it was not given yet. */
  later(give: () => void, hold: boolean): () => boolean {
    const answer: Answer = { give };
    if (hold) this.#held.push(answer);
    else this.#push(answer);
    return () => removeFrom(this.#held, answer) || removeFrom(this.#due, answer);
  }

  /** The oldest ones that are held. */
  release(count: number): void {
    for (const answer of this.#held.splice(0, count)) this.#push(answer);
  }

  #push(answer: Answer): void {
    this.#due.push(answer);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#give());
  }

  #give(): void {
    this.#scheduled = false;
    const due = this.#due.length;
    for (let i = 0; i < due && this.#due.length > 0; i++) {
      const at = this.#pick?.(this.#due.length) ?? 0;
      this.#due.splice(at, 1)[0]?.give();
    }
    if (this.#due.length > 0 && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#give());
    }
  }
}

function removeFrom(list: Answer[], answer: Answer): boolean {
  const at = list.indexOf(answer);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}
