// A regular file as destination: written where only its publication knows it, and visible under its name when it is whole.
import { errors } from '../base/errors.js';
import type { MoveOptions } from '../handle/arguments.js';
import type { File } from '../handle/file.js';
import type { DataRange, IoMode, Publication, Target } from '../transfer/target.js';
import type { Destination, Shortcut, ShortcutOptions } from './destination.js';
import type { Source } from './source.js';
import { Tally } from './tally.js';

/** What differs from store to store. */
export interface PublishedInput {
  readonly path: string;
  readonly publication: Publication;
  /** What the place reads back by what was written, where it is not the publication's temporary name. */
  readonly readBackPath?: string;
  /** Over the publication's target. */
  readonly file: File;
  /** `stable: false`: writes are answered before they are durable, and `settle` makes them so. */
  readonly writing?: Pick<MoveOptions, 'stable' | 'signal'>;
  /** Where writes are not stable: see Destination. */
  readonly notWritten?: (range: DataRange) => void;
  readonly reserve: (bytes: number, ranges: () => AsyncIterable<DataRange>) => Promise<void>;
  readonly takeFrom: (source: Source, options: ShortcutOptions) => Promise<Shortcut>;
}

export class Published implements Destination {
  readonly path: string;
  readonly sequential: boolean = false;
  readonly freshReadsZero: boolean = true;
  readonly tally: Tally = new Tally();
  readonly #input: PublishedInput;
  readonly #file: File;
  #taken: IoMode | null = null;

  constructor(input: PublishedInput) {
    this.path = input.path;
    this.#input = input;
    this.#file = input.file;
  }

  get readBackPath(): string | null {
    return this.#input.readBackPath ?? this.#input.publication.temporaryName ?? null;
  }

  get target(): Target {
    return this.#file.target;
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  async takeFrom(source: Source, options: ShortcutOptions): Promise<Shortcut> {
    const taken = await this.#input.takeFrom(source, options);
    this.#taken = taken.io;
    return taken;
  }

  reserve(bytes: number, ranges: () => AsyncIterable<DataRange>): Promise<void> {
    return this.#input.reserve(bytes, ranges);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const options: MoveOptions = { ...this.#input.writing, position };
    this.tally.add(bytes.length, await this.#file.write(bytes, options));
  }

  async zero(_offset: number, _length: number): Promise<void> {
    // Fresh space reads as zeros.
  }

  async settle(bytes: number, readBack: boolean): Promise<void> {
    if ((await this.#file.stat()).size !== bytes) await this.#file.truncate(bytes);
    // To be published is to be synced; what is read back before, or may have to be written again, is synced before.
    if (readBack || this.#input.writing?.stable === false) await this.#file.sync();
  }

  notWritten(range: DataRange): void {
    this.#input.notWritten?.(range);
  }

  ioMode(): IoMode {
    return this.#taken ?? this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    const durable = await this.#input.publication.publish();
    await this.#file.close();
    return durable;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#input.publication.discard(), this.#file.close()]);
  }
}

/** `how`: of the replacing, where it is not as with files. */
export function alreadyExists(path: string, how?: string): Error {
  const replaces = `force: true, or --force, replaces it${how === undefined ? '' : `, ${how}`}`;
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${path} (${replaces})`, {
    path,
    syscall: 'copy',
  });
}
