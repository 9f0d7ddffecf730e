// The holes of a simulated target: pages that were never written, or taken away again.
import type { DataRange, Holes } from '../../transfer/target.js';
import type { Media } from './media.js';

export class SimHoles implements Holes {
  readonly #media: Media;
  readonly #isFile: boolean;

  constructor(media: Media, kind: 'file' | 'device' | 'pipe') {
    this.#media = media;
    this.#isFile = kind === 'file';
  }

  /** A device hands out whatever its last owner left there. */
  get freshReadsZero(): boolean {
    return this.#isFile;
  }

  /** As lseek(SEEK_DATA) has it: what lies past the size is neither data nor hole. */
  async *map(offset: number, length: number): AsyncGenerator<DataRange> {
    yield* this.#media.dataRanges(offset, length);
  }

  async zero(offset: number, length: number): Promise<'punched' | 'written'> {
    this.#media.zero(offset, Math.max(0, Math.min(length, this.#media.size - offset)));
    return this.#isFile ? 'punched' : 'written';
  }
}
