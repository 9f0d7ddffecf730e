// Questions that do harm when they are answered twice: where an answer is lost, a look at the server comes before any repetition.

export interface Careful<T, R> {
  /** Asks, once. Null: the answer is lost, and what was asked for may be done. Rejects with the server's refusal. */
  ask(): Promise<T | null>;
  /** Of an answer that came. */
  result(results: T): R | Promise<R>;
  /**
   * After a lost answer: what was asked for, if it is there now. Null: it was not carried out, and is asked again. An
   * error: nobody can tell.
   */
  look(): Promise<R | null>;
  /** Whether a refusal is what the second of two questions meets if the first was carried out later than we looked. */
  isEcho(refusal: unknown, isRepeated: boolean): boolean;
  /** What the caller is told of a refusal. */
  told(refusal: unknown): unknown;
  /** For how long it is asked again: infinity: for ever. */
  readonly timeoutMs: number;
  /** The time is up. */
  late(): Error;
}

/**
 * Servers remember answers, so as to give them again to who asks twice: but v3's do so by connection (measured with
 * ganesha: REMOVE sent again from another port is answered NOENT), and v4's by session; it is with these that answers
 * get lost.
 */
export async function askCarefully<T, R>(careful: Careful<T, R>): Promise<R> {
  const startedMs = performance.now();
  for (let isRepeated = false; ; isRepeated = true) {
    let results: T | null;
    try {
      results = await careful.ask();
    } catch (refusal) {
      const found = careful.isEcho(refusal, isRepeated) ? await careful.look() : null;
      if (found !== null) return found;
      throw careful.told(refusal);
    }
    if (results !== null) return careful.result(results);
    const found = await careful.look();
    if (found !== null) return found;
    if (performance.now() - startedMs > careful.timeoutMs) throw careful.late();
  }
}
