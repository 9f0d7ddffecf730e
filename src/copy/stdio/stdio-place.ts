// Descriptors that this process was given, standard input and output above all, as sources and destinations of copies.
import type { Stats } from 'node:fs';
import { isatty } from 'node:tty';
import '../../memory/host.js';
import { DioriteError, errors } from '../../base/errors.js';
import { File } from '../../handle/file.js';
import { chooseEngine } from '../../targets/file/engines/choose.js';
import { CELL_BYTES } from '../../targets/pipe/cell.js';
import { PipeTarget } from '../../targets/pipe/pipe-target.js';
import { type Ending, Writers } from '../../targets/pipe/writers.js';
import { codeOf } from '../code-of.js';
import type { Destination } from '../destination.js';
import { LocalPlace } from '../local/local-place.js';
import { keyOf, overlap } from '../local/overlap.js';
import type { CopySettings } from '../options.js';
import type { OpenSettings, Place, Resolved, There } from '../place.js';
import type { ProbeResult } from '../probe.js';
import { alreadyExists } from '../published.js';
import type { Readable, Source } from '../source.js';
import { BorrowedFile } from './borrowed-file.js';
import {
  appends,
  canSeek,
  descriptorOf,
  isReadOnly,
  leaveAt,
  nameOf,
  pathOf,
  standingOf,
  statOf,
} from './descriptor.js';
import { FileOutput, plainOutput, StreamOutput } from './standard-output.js';

/** It may not be opened by its name, or there is no /proc to have one in. */
const NOT_AGAIN: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'ENOENT', 'ENXIO']);

export class StdioPlace implements Place {
  readonly store = 'local';
  readonly takesStreams = true;
  readonly #local: LocalPlace = new LocalPlace();
  readonly #named: Map<string, number> = new Map();
  /** Asked once: what is read by somebody else meanwhile is not ours to skip. */
  readonly #origins: Map<number, Promise<number>> = new Map();

  /** Of pipes: found before anything is read. */
  readonly #writers: Map<number, Writers> = new Map();

  /** There is none. */
  baseName(): string {
    return '';
  }

  titleOf(name: string): string {
    return nameOf(descriptorOf(name));
  }

  async stat(name: string): Promise<Stats> {
    const fd = descriptorOf(name);
    if (isatty(fd)) throw isTerminal(fd, 'give it a pipe or a file: PROGRAM | diorite copy - FILE');
    return statOf(fd);
  }

  async open(name: string, settings: OpenSettings): Promise<Readable> {
    const fd = descriptorOf(name);
    const stats = await statOf(fd);
    if (stats.isFile() || stats.isBlockDevice()) return this.#openFile(fd, settings);
    if (stats.isFIFO() && !this.#writers.has(fd)) this.#writers.set(fd, Writers.find(fd));
    return openStream(fd, settings);
  }

  async #openFile(fd: number, settings: OpenSettings): Promise<Readable> {
    try {
      return await this.#local.open(pathOf(fd), settings);
    } catch (error) {
      if (!NOT_AGAIN.has(codeOf(error)) || settings.io === 'direct') throw error;
      return new BorrowedFile(fd);
    }
  }

  async sizeOf(name: string, file: Readable, stats: Stats): Promise<number | undefined> {
    if (!stats.isFile() && !stats.isBlockDevice()) return undefined;
    return this.#local.sizeOf(pathOf(descriptorOf(name)), file, stats);
  }

  originOf(name: string): Promise<number> {
    const fd = descriptorOf(name);
    const known = this.#origins.get(fd) ?? standingOf(fd).then(({ position }) => position);
    this.#origins.set(fd, known);
    return known;
  }

  leaveAt(name: string, position: number): Promise<void> {
    return leaveAt(descriptorOf(name), position);
  }

  async endingOf(name: string): Promise<Ending> {
    return (await this.#writers.get(descriptorOf(name))?.ending()) ?? { failure: null, known: false };
  }

  async resolve(name: string): Promise<Resolved> {
    const fd = descriptorOf(name);
    const stats = await statOf(fd);
    if (isatty(fd)) throw isTerminal(fd, 'give it a pipe or a file: diorite copy FILE - | PROGRAM');
    const path = nameOf(fd);
    this.#named.set(path, fd);
    // Whatever it is: it is written where it is, never replaced, and cannot be read back by a name.
    return { place: this, kind: 'sequential', path, stats };
  }

  async begin({ path, stats }: Resolved, _source: Source, settings: CopySettings): Promise<Destination> {
    const fd = this.#named.get(path);
    if (fd === undefined || stats === null) throw errors.make('ERR_DIORITE_ASSERTION', 'what is begun was resolved');
    const standing = await standingOf(fd);
    if (isReadOnly(standing))
      throw new DioriteError(`EBADF: ${path} is open for reading only`, { code: 'EBADF', syscall: 'write', path });
    if (!stats.isFile() && !stats.isBlockDevice()) return new StreamOutput(fd, settings);
    if (stats.isBlockDevice() && !settings.force) throw alreadyExists(path);
    if (appends(standing) || !canSeek()) return plainOutput(fd);
    return (await FileOutput.open(fd, standing.position, settings)) ?? plainOutput(fd);
  }

  async identity({ path, stats }: There): Promise<string> {
    return stats === null ? `descriptor ${path}` : keyOf(stats);
  }

  async overlap(one: There, other: There): Promise<boolean> {
    return one.stats !== null && other.stats !== null && overlap(one.stats, other.stats);
  }

  probe(name: string): Promise<ProbeResult> {
    return this.#local.probe(pathOf(descriptorOf(name)));
  }

  async close(): Promise<void> {
    for (const writers of this.#writers.values()) writers.close();
    this.#writers.clear();
  }
}

function openStream(fd: number, { engine: wish }: OpenSettings): File {
  const { engine, reason } = chooseEngine(wish);
  const target = PipeTarget.over(fd, { name: nameOf(fd), engine });
  target.enlarge(CELL_BYTES);
  return new File({ target, engineReason: reason, depth: undefined, bytesInFlight: undefined, appends: false });
}

function isTerminal(fd: number, hint: string): Error {
  const name = nameOf(fd);
  const message = `${name[0]?.toUpperCase()}${name.slice(1)} is a terminal: ${hint}`;
  return errors.make('ERR_DIORITE_UNSUPPORTED', message, { path: name, syscall: 'copy' });
}
