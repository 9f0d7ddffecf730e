// What is called of a client until it is closed: closing waits for what was called before, and refuses what comes after.
import { errors } from '../../base/errors.js';

export class ClientCalls {
  /** For messages. */
  readonly #url: string;
  readonly #release: () => Promise<void>;
  #pending = 0;
  #onIdle: (() => void) | null = null;
  #closed: Promise<void> | null = null;

  /** `release`: of the connection, when all was answered. */
  constructor(url: string, release: () => Promise<void>) {
    this.#url = url;
    this.#release = release;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `the client is closed: ${this.#url}`, { path: this.#url });
    this.#pending++;
    try {
      return await work();
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#onIdle?.();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#release();
  }
}
