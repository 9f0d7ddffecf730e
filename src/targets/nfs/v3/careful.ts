// Questions that may not be sent again blindly, as NFSv3 puts them: the answer is lost with the connection.
import { DioriteError } from '../../../base/errors.js';
import { askCarefully } from '../careful.js';
import type { Answer, Asker, Question } from './asker.js';

export interface CarefulQuestion<T, R> {
  readonly question: Omit<Question<T>, 'once'>;
  /** Of an answer that came. */
  result(results: T): R | Promise<R>;
  /** As Careful's. */
  look(): Promise<R | null>;
  /** What a second sending is answered if the first was carried out after all, later than we looked. */
  readonly repeated: number;
}

/** A status by itself: it becomes an error once it is clear that it is one. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

export function askOnce<T, R>(asker: Asker, { question, result, look, repeated }: CarefulQuestion<T, R>): Promise<R> {
  const { what } = question;
  return askCarefully<T, R>({
    async ask() {
      const answer = await put(asker, question);
      if (answer === null) return null;
      if (!answer.ok) throw new Refusal(answer.status);
      return answer.results;
    },
    result,
    look,
    isEcho: (refusal, isRepeated) => isRepeated && refusal instanceof Refusal && refusal.status === repeated,
    told: (refusal) => (refusal instanceof Refusal ? asker.error(refusal.status, what) : refusal),
    timeoutMs: asker.timeoutMs,
    late: () => asker.timeout(what, 'answers were lost'),
  });
}

/** Null: the answer was lost with the connection. */
async function put<T>(asker: Asker, question: Omit<Question<T>, 'once'>): Promise<Answer<T> | null> {
  try {
    return await asker.put({ ...question, once: true });
  } catch (error) {
    if (error instanceof DioriteError && error.code === 'ECONNRESET') return null;
    throw error;
  }
}
