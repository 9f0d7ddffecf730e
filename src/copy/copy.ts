// copy(): one file to another name, to a device or to a pipe; what is there in the end is all of it, or what was there.
import { cpuUsage } from 'node:process';
import { errors } from '../base/errors.js';
import { defaultPool } from '../memory/pool.js';
import type { IoMode } from '../transfer/target.js';
import { type Cell, cellsOf, filled, piecesOf } from './cells.js';
import { Checks } from './checks.js';
import type { Destination } from './destination.js';
import { BlockDevice, SequentialDevice } from './in-place.js';
import { permissionsFor } from './mode.js';
import type { CopyOptions, CopyProgress, CopyResult, CopySettings, Path } from './options.js';
import { toPath, toSettings } from './options.js';
import { refuseOverlap } from './overlap.js';
import { memoryFor, pump, pumpUntilEnd } from './pump.js';
import { type Resolved, resolveDestination } from './resolve.js';
import { Source } from './source.js';
import { alreadyExists, TemporaryFile } from './temporary-file.js';
import { verify } from './verify.js';

/** What is asked of a file system in one fallocate: it holds up everything else in the file meanwhile. */
const RESERVED_BYTES = 1024 * 1024 * 1024;

/** Places where a test does what a disk or another process may do. */
export interface CopyHooks {
  /** The destination is written and synced, and will be read back from this path. */
  readonly settled?: (path: string | null) => void | Promise<void>;
}

/**
 * Copies `source`, a regular file or a block device, to `destination`.
 *
 * - A regular destination is written under a temporary name beside it and appears, complete and synced, under its own:
 *   until then an old file keeps its bytes, and whatever goes wrong leaves everything as it was.
 * - An existing file is refused (ERR_DIORITE_EXISTS) unless `force`; an existing directory means the source's name inside
 *   it; a link is followed to the file it names. A replaced file keeps its permission bits and its owner; other hard
 *   links to it keep the old bytes.
 * - Block devices (with `force`), character devices and FIFOs are written in place and are never replaced.
 */
export function copy(source: Path, destination: Path, options: CopyOptions = {}): Promise<CopyResult> {
  return copyWith(source, destination, options, {});
}

/** copy() with places for tests to step in. */
export async function copyWith(
  source: Path,
  destination: Path,
  options: CopyOptions,
  hooks: CopyHooks,
): Promise<CopyResult> {
  const from = toPath(source, 'source');
  const to = toPath(destination, 'destination');
  const settings = toSettings(options);
  if (settings.signal?.aborted === true) throw errors.aborted(settings.signal.reason);
  const opened = await Source.open(from, settings);
  try {
    return await new Copy(opened, settings, hooks).run(await resolveDestination(from, to));
  } finally {
    await opened.close();
  }
}

class Copy {
  readonly #source: Source;
  readonly #settings: CopySettings;
  readonly #hooks: CopyHooks;
  readonly #checks: Checks | null;
  readonly #startedMs: number = performance.now();
  readonly #startedCpu: NodeJS.CpuUsage = cpuUsage();
  #dataBytes = 0;
  #doneBytes = 0;

  constructor(source: Source, settings: CopySettings, hooks: CopyHooks) {
    this.#source = source;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#checks = settings.verify ? new Checks(settings.requestBytes) : null;
  }

  async run(resolved: Resolved): Promise<CopyResult> {
    const destination = await this.#open(resolved);
    try {
      const bytes = await this.#move(destination);
      await this.#source.assertUnchanged();
      await destination.settle(bytes);
      await this.#hooks.settled?.(destination.readBackPath);
      const verifyIo = await this.#verify(destination, bytes);
      // Once more, and last: reading it back takes as long as writing it did.
      await this.#source.assertUnchanged();
      if (this.#settings.signal?.aborted === true) throw errors.aborted(this.#settings.signal.reason);
      const io = { read: this.#source.ioMode(), write: destination.ioMode() };
      const stable = await destination.publish();
      return this.#result(destination, bytes, io, verifyIo, stable);
    } catch (error) {
      await destination.discard();
      throw error;
    }
  }

  /** Everything that can be refused is refused here, with nothing made. */
  async #open(resolved: Resolved): Promise<Destination> {
    const settings = this.#settings;
    const { path } = resolved;
    const stats = resolved.kind === 'regular' ? resolved.existing : resolved.stats;
    if (stats !== null) await refuseOverlap(this.#source, { path, stats });
    if (resolved.kind === 'sequential') {
      if (settings.verify)
        throw errors.make('ERR_DIORITE_UNSUPPORTED', `The destination cannot be read back, so not verified: ${path}`, {
          path,
        });
      return SequentialDevice.open(path, resolved.stats, settings.signal);
    }
    if (stats !== null && !settings.force) throw alreadyExists(path);
    if (resolved.kind === 'block') return BlockDevice.open(path, resolved.stats, settings);
    const permissions = await permissionsFor(this.#source.stats, resolved.existing);
    return TemporaryFile.create(path, resolved.existing, permissions, settings);
  }

  /** Returns the size of what was moved. */
  async #move(destination: Destination): Promise<number> {
    const source = this.#source;
    const settings = this.#settings;
    const checks = this.#checks;
    const common = {
      reader: source,
      sink: destination,
      pool: defaultPool(),
      cellBytes: settings.requestBytes,
      signal: settings.signal,
      seen: checks === null ? undefined : (offset: number, bytes: Uint8Array) => checks.add(offset, bytes),
      done: (cell: Cell) => this.#moved(cell),
    };
    const { size } = source;
    if (size === undefined) return pumpUntilEnd(common);
    await destination.reserve(size, () => piecesOf(cellsOf(source.data(), size, RESERVED_BYTES)));
    const data = cellsOf(source.data(), size, settings.requestBytes);
    await pump({
      ...common,
      cells: destination.freshReadsZero ? data : filled(data, size),
      ...memoryFor(size, settings.requestBytes, settings.depth),
      ended: (position) => source.changed(`it ends at ${position}, not at ${size}`),
    });
    // What lies behind the last data is a hole.
    if (this.#doneBytes < size) this.#progress('copy', size, size);
    return size;
  }

  #moved(cell: Cell): void {
    for (const { length } of cell.data) this.#dataBytes += length;
    this.#doneBytes += cell.length;
    this.#progress('copy', this.#doneBytes, this.#source.size);
  }

  #progress(phase: CopyProgress['phase'], doneBytes: number, totalBytes: number | undefined): void {
    this.#settings.onProgress?.({ phase, doneBytes, totalBytes });
  }

  async #verify(destination: Destination, size: number): Promise<IoMode | null> {
    if (this.#checks === null || destination.readBackPath === null) return null;
    let doneBytes = 0;
    const io = await verify({
      path: destination.readBackPath,
      name: destination.path,
      size,
      expected: this.#checks,
      source: this.#source,
      pool: defaultPool(),
      settings: this.#settings,
      done: (cell) => {
        doneBytes += cell.length;
        this.#progress('verify', doneBytes, size);
      },
    });
    if (doneBytes < size) this.#progress('verify', size, size);
    return io;
  }

  #result(
    destination: Destination,
    bytes: number,
    io: CopyResult['io'],
    verifyIo: IoMode | null,
    stable: boolean,
  ): CopyResult {
    const read = this.#source.tally;
    const written = destination.tally;
    const requests = read.requests + written.requests;
    const cpu = cpuUsage(this.#startedCpu);
    return {
      destination: destination.path,
      bytes,
      holesBytes: bytes - this.#dataBytes,
      requests,
      readRequests: read.requests,
      writeRequests: written.requests,
      averageRequestBytes: requests === 0 ? 0 : Math.round((read.bytes + written.bytes) / requests),
      copiedBytes: read.copiedBytes + written.copiedBytes,
      bufferedBytes: read.bufferedBytes + written.bufferedBytes,
      io,
      engine: destination.engine,
      engineReason: destination.engineReason,
      verified: verifyIo !== null,
      verifyIo,
      stable,
      durationMs: performance.now() - this.#startedMs,
      cpuMs: (cpu.user + cpu.system) / 1000,
    };
  }
}
