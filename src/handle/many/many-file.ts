// readMany and writeMany of a file.
import type { Direction } from '../../plan/limits.js';
import { wantsDsync } from '../../transfer/options.js';
import { BatchingFile } from '../batch/batching-file.js';
import { type ManyEntry, ReadAnswer, WriteAnswer } from './entry.js';
import { Many } from './many.js';
import { type ReadManyOptions, toSettings, type WriteManyOptions } from './options.js';
import type { ManyHost } from './sender.js';

export abstract class ManyFile extends BatchingFile {
  /** Throws where the file is closed, or has no places to go to. */
  protected abstract manyHost(direction: Direction): ManyHost;

  /**
   * Reads entries `{ position, memory }` of a list or an async source: neighbours, and what is no farther apart than
   * `gapBytes`, become one request. The answers come as they are ready; `await file.readMany(entries).all()` waits for
   * all. See Many.
   */
  readMany<E extends ManyEntry>(
    entries: Iterable<E> | AsyncIterable<E>,
    options: ReadManyOptions = {},
  ): Many<E, ReadAnswer<E>> {
    const settings = toSettings(options, 'read');
    const host = this.manyHost('read');
    return new Many(host, entries, 'read', settings, (item, bytes, error) => new ReadAnswer(item, bytes, error));
  }

  /** As readMany, writing. Of two entries that overlap the later one is written after the earlier one. */
  writeMany<E extends ManyEntry>(
    entries: Iterable<E> | AsyncIterable<E>,
    options: WriteManyOptions = {},
  ): Many<E, WriteAnswer<E>> {
    const settings = toSettings(options, 'write');
    const host = this.manyHost('write');
    const dsync = wantsDsync(this.target, settings);
    const make = (...answer: ConstructorParameters<typeof WriteAnswer<E>>): WriteAnswer<E> =>
      new WriteAnswer(...answer);
    return new Many(host, entries, 'write', { ...settings, dsync }, make);
  }
}
