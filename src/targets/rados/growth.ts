// A file that writes make longer: they are answered when its new size is stored, and those that wait share one request for that.
import { DioriteError } from '../../base/errors.js';
import { systemError } from '../net/system-error.js';
import type { RadosIo } from './rados-io.js';

export interface GrowthUser {
  grow(sizeBytes: number): Promise<void>;
  /** Of each that waited. */
  grown(io: RadosIo, sizeBytes: number): void;
  notGrown(io: RadosIo, error: DioriteError): void;
}

export class Growth {
  readonly #user: GrowthUser;
  #waiting: RadosIo[] = [];
  #wantedBytes = 0;
  #growing = false;

  constructor(user: GrowthUser) {
    this.#user = user;
  }

  /** The request was carried out, and ends there. */
  wait(io: RadosIo, endBytes: number): void {
    this.#waiting.push(io);
    this.#wantedBytes = Math.max(this.#wantedBytes, endBytes);
    if (!this.#growing) void this.#growAll();
  }

  async #growAll(): Promise<void> {
    this.#growing = true;
    while (this.#waiting.length > 0) {
      const [all, bytes] = [this.#waiting, this.#wantedBytes];
      this.#waiting = [];
      const error = await this.#grow(bytes);
      for (const io of all)
        if (error === null) this.#user.grown(io, bytes);
        else this.#user.notGrown(io, error);
    }
    this.#growing = false;
  }

  async #grow(bytes: number): Promise<DioriteError | null> {
    try {
      await this.#user.grow(bytes);
      return null;
    } catch (error) {
      return error instanceof DioriteError ? error : systemError('EIO', 'its size was not stored', error);
    }
  }
}
