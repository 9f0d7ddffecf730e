// What a copy tells of itself while it runs: of several destinations, the slowest one.
import type { CopyProgress } from './options.js';

type Tell = (progress: CopyProgress) => void;

export class Progress {
  readonly #tell: Tell | undefined;
  readonly #size: number | undefined;
  /** How far each destination has been read back; who failed is not in it. */
  readonly #verified: Map<object, number> = new Map();
  #copied = 0;
  #copying = true;
  #toldCopied = 0;
  #toldVerified = 0;
  #failure: { readonly error: unknown } | null = null;

  /** `size`: undefined where the source does not say. */
  constructor(tell: Tell | undefined, size: number | undefined) {
    this.#tell = tell;
    this.#size = size;
  }

  /** What the caller's callback threw: it ends the copy, and comes out as it is. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  copied(bytes: number): void {
    this.#copied += bytes;
    this.#sayCopied(this.#copied);
  }

  /** By who copies elsewhere; if that fails, the bytes are moved from the start, and are told of from there on. */
  copiedTo(doneBytes: number): void {
    this.#sayCopied(doneBytes);
  }

  /** What lies behind the last data is a hole; what was cloned was never on the way. */
  copiedAll(): void {
    if (this.#size !== undefined) this.#sayCopied(this.#size);
    this.#copying = false;
    this.#sayVerified();
  }

  willVerify(branch: object): void {
    this.#verified.set(branch, 0);
  }

  verified(branch: object, doneBytes: number): void {
    this.#verified.set(branch, doneBytes);
    this.#sayVerified();
  }

  drop(branch: object): void {
    this.#verified.delete(branch);
  }

  #sayCopied(doneBytes: number): void {
    if (doneBytes <= this.#toldCopied) return;
    this.#toldCopied = doneBytes;
    this.#say('copy', doneBytes, this.#size);
  }

  /** One that is read back while another is still being written waits to be told of. */
  #sayVerified(): void {
    if (this.#copying || this.#verified.size === 0) return;
    const least = Math.min(...this.#verified.values());
    if (least <= this.#toldVerified) return;
    this.#toldVerified = least;
    this.#say('verify', least, this.#size);
  }

  #say(phase: CopyProgress['phase'], doneBytes: number, totalBytes: number | undefined): void {
    try {
      this.#tell?.({ phase, doneBytes, totalBytes });
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}
