// What monitors are asked and have not answered: asked again in each new session, until time is up.
import type { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { DencError } from '../denc/error.js';
import type { DencReader } from '../denc/reader.js';
import type { DencWriter } from '../denc/writer.js';
import type { Call } from '../msgr/connection.js';
import type { MessageHeader } from '../msgr/message.js';
import type { MonSession } from './session.js';

/** More at once are refused: nobody means to ask so much. */
const QUESTIONS_MAX = 1024;

/** A message of one kind, and what its answer means. */
export interface Ask<T> {
  /** For messages: `the command "osd dump"`. */
  readonly what: string;
  readonly type: number;
  encode(writer: DencWriter, tid: number): void;
  /** Throws DencError, or what rejects the promise. */
  decode(front: DencReader, data: Uint8Array): T;
}

/** Whatever its answer is. */
interface Pending extends Call {
  readonly what: string;
  fail(error: DioriteError): void;
}

class Question<T> implements Pending {
  readonly tid: number;
  readonly version = 1;
  readonly compatVersion = 1;
  readonly payload = null;
  readonly payloadBytes = 0;
  readonly sink = null;
  readonly promise: Promise<T>;
  readonly #ask: Ask<T>;
  #resolve: (answer: T) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  readonly #settled: (answered: boolean) => void;

  constructor(ask: Ask<T>, tid: number, settled: (answered: boolean) => void) {
    this.#ask = ask;
    this.tid = tid;
    this.#settled = settled;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get type(): number {
    return this.#ask.type;
  }

  get what(): string {
    return this.#ask.what;
  }

  encode(writer: DencWriter): void {
    this.#ask.encode(writer, this.tid);
  }

  place(): 'keep' {
    return 'keep';
  }

  replied(_: MessageHeader, front: DencReader, data: Uint8Array): void {
    try {
      this.#resolve(this.#ask.decode(front, data));
    } catch (error) {
      this.#reject(error);
      if (error instanceof DencError) throw error;
    } finally {
      this.#settled(true);
    }
  }

  unsendable(error: DioriteError): void {
    this.fail(error);
  }

  fail(error: DioriteError): void {
    this.#reject(error);
    this.#settled(false);
  }
}

export class Questions {
  readonly #waiting: Map<number, Pending> = new Map();
  readonly #timeoutMs: number;
  readonly #answered: () => void;
  #session: MonSession | null = null;
  #lastTid = 0;

  /** `answered`: told of each answer. */
  constructor(timeoutMs: number, answered: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#answered = answered;
  }

  ask<T>(ask: Ask<T>): Promise<T> {
    if (this.#waiting.size >= QUESTIONS_MAX)
      return Promise.reject(systemError('EBUSY', `more than ${QUESTIONS_MAX} questions to the monitors wait`));
    const tid = ++this.#lastTid;
    // It keeps the process alive: somebody waits.
    const timer = setTimeout(() => this.#late(question), this.#timeoutMs);
    const question = new Question<T>(ask, tid, (answered) => {
      clearTimeout(timer);
      if (answered) this.#answered();
      this.#waiting.delete(tid);
    });
    this.#waiting.set(tid, question);
    this.#session?.send(question);
    return question.promise;
  }

  /** Null: there is none now. */
  session(session: MonSession | null): void {
    this.#session = session;
    if (session !== null) for (const question of this.#waiting.values()) session.send(question);
  }

  /** An answer that does not say to what: to the first question of this type. */
  replied(type: number, header: MessageHeader, front: DencReader, data: Uint8Array): void {
    for (const question of this.#waiting.values()) {
      if (question.type !== type) continue;
      this.#session?.abandon(question);
      question.replied(header, front, data);
      return;
    }
  }

  /** Fails all that wait. */
  close(error: DioriteError): void {
    this.#session = null;
    for (const question of [...this.#waiting.values()]) question.fail(error);
  }

  #late(question: Pending): void {
    this.#session?.abandon(question);
    question.fail(systemError('ETIMEDOUT', `no monitor answered ${question.what} in ${this.#timeoutMs} ms`));
  }
}
