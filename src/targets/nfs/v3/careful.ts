// Questions that do harm when they are answered twice: sent once; where the answer is lost, a look at the server decides.
import { DioriteError } from '../../../base/errors.js';
import type { Answer, Asker, Question } from './asker.js';

export interface CarefulQuestion<T, R> {
  readonly question: Omit<Question<T>, 'once'>;
  /** Of an answer that came. */
  result(results: T): R | Promise<R>;
  /**
   * After a lost answer: what was asked for, if it is there now. Null: it was not carried out, and is asked again. An
   * error: nobody can tell.
   */
  seen(): Promise<R | null>;
  /** What a second sending is answered if the first was carried out after all, later than we looked. */
  readonly repeated: number;
}

/**
 * Servers remember answers, so as to give them again to who asks twice: but ganesha by connection, and it is with the
 * connection that answers get lost (measured: REMOVE sent again from another port is answered NOENT).
 */
export async function askCarefully<T, R>(asker: Asker, careful: CarefulQuestion<T, R>): Promise<R> {
  const { what } = careful.question;
  const startedMs = performance.now();
  for (let isRepeated = false; ; isRepeated = true) {
    const answer = await askOnce(asker, careful.question);
    if (answer?.ok === true) return careful.result(answer.results);
    if (answer !== null && !(isRepeated && answer.status === careful.repeated)) throw asker.error(answer.status, what);
    const found = await careful.seen();
    if (found !== null) return found;
    if (answer !== null) throw asker.error(answer.status, what);
    if (performance.now() - startedMs > asker.timeoutMs) throw asker.timeout(what, 'answers were lost');
  }
}

/** Null: the answer was lost with the connection. */
async function askOnce<T>(asker: Asker, question: Omit<Question<T>, 'once'>): Promise<Answer<T> | null> {
  try {
    return await asker.put({ ...question, once: true });
  } catch (error) {
    if (error instanceof DioriteError && error.code === 'ECONNRESET') return null;
    throw error;
  }
}
