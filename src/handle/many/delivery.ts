// From answers to whoever takes them: one by one, or all at once.

interface Waiter<A> {
  readonly resolve: (result: IteratorResult<A, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class Delivery<A> {
  /** Told for each answer that was taken: how many bytes its entry had. */
  readonly #taken: (bytes: number) => void;
  /** From `#first` on: given, and not taken. */
  #ready: { readonly answer: A; readonly bytes: number }[] = [];
  #first = 0;
  readonly #waiters: Waiter<A>[] = [];
  #sink: A[] | null = null;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(taken: (bytes: number) => void) {
    this.#taken = taken;
  }

  /** From now on all answers go there. */
  collectInto(sink: A[]): void {
    this.#sink = sink;
  }

  give(answer: A, bytes: number): void {
    const waiter = this.#sink === null ? this.#waiters.shift() : undefined;
    if (waiter !== undefined) waiter.resolve({ value: answer, done: false });
    else if (this.#sink !== null) this.#sink.push(answer);
    else {
      this.#ready.push({ answer, bytes });
      return;
    }
    this.#taken(bytes);
  }

  next(): Promise<IteratorResult<A, undefined>> {
    const next = this.#ready[this.#first];
    if (next === undefined) {
      return new Promise((resolve, reject) => {
        this.#waiters.push({ resolve, reject });
        if (this.#ended) this.#endWaiters();
      });
    }
    this.#first++;
    if (this.#first === this.#ready.length) {
      this.#ready = [];
      this.#first = 0;
    }
    this.#taken(next.bytes);
    return Promise.resolve({ value: next.answer, done: false });
  }

  /** There will be no more answers. Whoever has taken all is told the failure, once; after that it is over. */
  end(failure: { readonly error: unknown } | null): void {
    this.#ended = true;
    this.#failure = failure;
    this.#endWaiters();
  }

  #endWaiters(): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      const failure = this.#failure;
      this.#failure = null;
      if (failure !== null) reject(failure.error);
      else resolve({ value: undefined, done: true });
    }
  }
}
