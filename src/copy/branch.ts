// One destination of a copy, from its opening to its name: what happens to it happens to no other.
import { errors } from '../base/errors.js';
import { defaultPool } from '../memory/pool.js';
import type { IoMode } from '../transfer/target.js';
import { cellsOf, piecesOf } from './cells.js';
import type { Checks } from './checks.js';
import { CopyLedger } from './copy-ledger.js';
import type { Destination } from './destination.js';
import { BlockDevice, SequentialDevice } from './in-place.js';
import { Lane } from './lane.js';
import { permissionsFor } from './mode.js';
import type { CopySettings } from './options.js';
import { refuseOverlap } from './overlap.js';
import type { Progress } from './progress.js';
import { alreadyExists, PublishedFile } from './published-file.js';
import type { Resolved } from './resolve.js';
import type { Source } from './source.js';
import { verify } from './verify.js';

/** What is asked of a file system in one fallocate: it holds up everything else in the file meanwhile. */
const RESERVED_BYTES = 1024 * 1024 * 1024;

/** What all destinations of a copy share. */
export interface Shared {
  readonly source: Source;
  readonly settings: CopySettings;
  readonly checks: Checks | null;
  readonly progress: Progress;
  readonly settled: ((path: string | null) => void | Promise<void>) | undefined;
}

/** What there is to tell of a destination that was published. */
export interface Published {
  readonly io: IoMode;
  readonly verifyIo: IoMode | null;
  readonly stable: boolean;
  readonly endedMs: number;
}

export class Branch {
  /** As it was given, until it is resolved. */
  readonly path: string;
  readonly ledger: CopyLedger;
  readonly #shared: Shared;
  #destination: Destination | null = null;
  #lane: Lane | null = null;
  #reflinkReason: string | null = null;
  #cloned = false;
  #failure: { readonly error: unknown } | null = null;
  #published: Published | null = null;

  constructor(path: string, shared: Shared) {
    this.path = path;
    this.#shared = shared;
    this.ledger = new CopyLedger(shared.source.size);
  }

  get destination(): Destination | null {
    return this.#destination;
  }

  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  get published(): Published | null {
    return this.#published;
  }

  get reflinkReason(): string | null {
    return this.#reflinkReason;
  }

  get cloned(): boolean {
    return this.#cloned;
  }

  /** Null: it takes no bytes: it failed, or has them all. */
  get lane(): Lane | null {
    return this.#lane;
  }

  /** Opens it and makes room, or becomes a clone. Everything that can be refused is refused here, with nothing left. */
  async begin(resolved: Resolved): Promise<void> {
    await this.#attempt(async () => {
      const destination = await this.#open(resolved);
      this.#destination = destination;
      const { source, settings, checks, progress } = this.#shared;
      if (checks !== null && destination.readBackPath !== null) progress.willVerify(this);
      if (settings.reflink === 'auto' && (await this.#clone(destination))) return;
      const { size } = source;
      if (size !== undefined)
        await destination.reserve(size, () => piecesOf(cellsOf(source.data(), size, RESERVED_BYTES)));
      this.#lane = new Lane(destination, settings.depth, this.ledger);
    });
  }

  /** Once every byte is there: the size, what was asked of verification, the name. */
  async finish(bytes: number): Promise<void> {
    await this.#attempt(async () => {
      const destination = this.#destination;
      if (destination === null) throw errors.make('ERR_DIORITE_ASSERTION', 'what is finished was begun');
      const { source, settings, checks, progress } = this.#shared;
      await source.assertUnchanged();
      await destination.settle(bytes, checks !== null);
      await this.#shared.settled?.(destination.readBackPath);
      const verifyIo = checks === null ? null : await this.#verify(destination, bytes, checks);
      // Once more, and last: reading it back takes as long as writing it did.
      await source.assertUnchanged();
      if (settings.signal?.aborted === true) throw errors.aborted(settings.signal.reason);
      if (progress.failure !== null) throw progress.failure.error;
      const io = destination.ioMode();
      const stable = await destination.publish();
      this.#published = { io, verifyIo, stable, endedMs: performance.now() };
    });
  }

  /** Leaves nothing behind. The first failure is the one that is told. */
  async fail(error: unknown): Promise<void> {
    if (this.#failure !== null) return;
    this.#failure = { error };
    this.ledger.noteError(error);
    this.#shared.progress.drop(this);
    await this.#destination?.discard();
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      await this.fail(error);
    }
  }

  async #open(resolved: Resolved): Promise<Destination> {
    const { source, settings } = this.#shared;
    const { path } = resolved;
    const stats = resolved.kind === 'regular' ? resolved.existing : resolved.stats;
    if (stats !== null) await refuseOverlap(source, { path, stats });
    if (resolved.kind === 'sequential') {
      if (settings.verify)
        throw errors.make('ERR_DIORITE_UNSUPPORTED', `The destination cannot be read back, so not verified: ${path}`, {
          path,
        });
      return SequentialDevice.open(path, resolved.stats, settings.signal);
    }
    if (stats !== null && !settings.force) throw alreadyExists(path);
    if (resolved.kind === 'block') return BlockDevice.open(path, resolved.stats, settings);
    const permissions = await permissionsFor(source.stats, resolved.existing);
    return PublishedFile.create(path, resolved.existing, permissions, settings);
  }

  async #clone(destination: Destination): Promise<boolean> {
    const { source } = this.#shared;
    if (source.size === undefined) this.#reflinkReason = 'the source does not know its size';
    else if (destination.cloneFrom === undefined) this.#reflinkReason = 'the destination is no regular file';
    else this.#reflinkReason = await destination.cloneFrom(source.target);
    this.#cloned = this.#reflinkReason === null;
    if (this.#cloned) this.ledger.done(0, source.size ?? 0);
    return this.#cloned;
  }

  async #verify(destination: Destination, size: number, expected: Checks): Promise<IoMode | null> {
    if (destination.readBackPath === null) return null;
    const { source, settings, progress } = this.#shared;
    let doneBytes = 0;
    const io = await verify({
      path: destination.readBackPath,
      name: destination.path,
      size,
      expected,
      source,
      pool: defaultPool(),
      settings,
      done: (cell) => {
        doneBytes += cell.length;
        progress.verified(this, doneBytes);
      },
    });
    progress.verified(this, size);
    return io;
  }
}
