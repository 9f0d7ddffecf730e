// A regular file as destination: written where only its publication knows it, and visible under its name when it is whole.
import type { Stats } from 'node:fs';
import { errors } from '../base/errors.js';
import { File } from '../handle/file.js';
import { cloneFile } from '../targets/file/clone.js';
import { FileTarget } from '../targets/file/file-target.js';
import { FilePublishing, type OpenedFile } from '../targets/file/publish.js';
import { reserve } from '../targets/file/reserve.js';
import type { FileLike } from '../transfer/file-like.js';
import type { DataRange, IoMode, Publication } from '../transfer/target.js';
import type { Destination } from './destination.js';
import type { Permissions } from './mode.js';
import type { CopySettings } from './options.js';
import { Tally } from './tally.js';

export class PublishedFile implements Destination {
  readonly path: string;
  readonly sequential = false;
  readonly freshReadsZero = true;
  readonly tally: Tally = new Tally();
  readonly #publication: Publication;
  readonly #target: FileTarget;
  readonly #file: File;

  private constructor(path: string, publication: Publication, opened: OpenedFile) {
    this.path = path;
    this.#publication = publication;
    this.#target = opened.target;
    this.#file = new File({ ...opened, depth: undefined, bytesInFlight: undefined });
  }

  /** `existing` is what the name stands for now, or null. Nobody else may read the file until it is published. */
  static async create(
    path: string,
    existing: Stats | null,
    permissions: Permissions,
    settings: CopySettings,
  ): Promise<PublishedFile> {
    const { io, engine, requestBytes } = settings;
    const publishing = new FilePublishing({ io, engine, requestBytes });
    const { mode, owner } = permissions;
    const publication = await publishing.begin(path, {
      mode,
      owner: owner ?? undefined,
      replace: existing !== null,
    });
    return new PublishedFile(path, publication, publication.opened);
  }

  get readBackPath(): string | null {
    return this.#publication.temporaryName ?? null;
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  async cloneFrom(source: FileLike): Promise<string | null> {
    return source instanceof FileTarget ? cloneFile(source, this.#target) : 'the source is no local file';
  }

  reserve(bytes: number, ranges: () => AsyncIterable<DataRange>): Promise<void> {
    return reserve(this.#target, bytes, ranges(), this.path);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.tally.add(bytes.length, await this.#file.write(bytes, 0, bytes.length, position));
  }

  async zero(): Promise<void> {
    // Fresh space reads as zeros.
  }

  async settle(bytes: number, readBack: boolean): Promise<void> {
    if ((await this.#file.stat()).size !== bytes) await this.#file.truncate(bytes);
    // To be published is to be synced; what is read back before is synced before.
    if (readBack) await this.#file.sync();
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    const durable = await this.#publication.publish();
    await this.#file.close();
    return durable;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#publication.discard(), this.#file.close()]);
  }
}

export function alreadyExists(path: string): Error {
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${path} (force: true, or --force, replaces it)`, {
    path,
    syscall: 'copy',
  });
}
