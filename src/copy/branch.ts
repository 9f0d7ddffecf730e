// One destination of a copy, from its opening to its name: what happens to it happens to no other.
import { errors } from '../base/errors.js';
import { defaultPool } from '../memory/pool.js';
import type { IoMode } from '../transfer/target.js';
import { cellsOf, piecesOf } from './cells.js';
import type { Checks } from './checks.js';
import { CopyLedger } from './copy-ledger.js';
import type { Destination, Shortcut } from './destination.js';
import { Lane } from './lane.js';
import { ADAPTED_DEPTH_MAX, type CopySettings } from './options.js';
import { refuseOverlap } from './overlap.js';
import type { Place, Resolved } from './place.js';
import type { Progress } from './progress.js';
import { alreadyExists } from './published.js';
import { settleLosses } from './rewrite.js';
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
  /** How many destinations there are. */
  readonly count: number;
  readonly settled: ((path: string | null) => void | Promise<void>) | undefined;
}

/** How bytes went to or from a stream. */
export interface Piped {
  readonly splicedBytes: number;
  readonly stagedBytes: number;
  readonly reason: string | null;
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
  #place: Place | null = null;
  #shortcut: Shortcut['io'] = null;
  #failure: { readonly error: unknown } | null = null;
  #published: Published | null = null;
  #piped: Piped | null = null;

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

  /** Null: there is no stream at either end. */
  get piped(): Piped | null {
    return this.#piped;
  }

  notePiped({ splicedBytes, stagedBytes, reason }: Piped): void {
    this.#piped = { splicedBytes, stagedBytes, reason };
  }

  /** How it came to be all of the source without its bytes passing through here; null: they do. */
  get shortcut(): Shortcut['io'] {
    return this.#shortcut;
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
      if (await this.#takeShortcut(destination)) return;
      const size = source.expectedSize;
      if (size !== undefined)
        await destination.reserve(size, () => piecesOf(cellsOf(source.data(), size, RESERVED_BYTES)));
      // One destination takes what there is: pieces are bounded where they are read.
      const isAlone = this.#shared.count === 1 && settings.adapts;
      this.#lane = new Lane(destination, isAlone ? ADAPTED_DEPTH_MAX : settings.depth, this.ledger);
    });
  }

  /** Once every byte is there: the size, what was asked of verification, the name. */
  async finish(bytes: number): Promise<void> {
    await this.#attempt(async () => {
      const destination = this.#destination;
      if (destination === null) throw errors.make('ERR_DIORITE_ASSERTION', 'what is finished was begun');
      const { source, settings, checks, progress } = this.#shared;
      await source.assertUnchanged();
      const pool = defaultPool();
      await settleLosses({ source, destination, settings, ledger: this.ledger, pool }, bytes, checks !== null);
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
    const { place, path } = resolved;
    this.#place = place;
    await refuseOverlap(source, resolved);
    if (resolved.kind === 'sequential' && settings.verify)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `The destination cannot be read back, so not verified: ${path}`, {
        path,
      });
    // What takes bytes in order holds nothing that would be lost.
    if (resolved.kind !== 'sequential' && resolved.stats !== null && !settings.force)
      throw alreadyExists(path, resolved.replacing);
    return place.begin(resolved, source, settings);
  }

  async #takeShortcut(destination: Destination): Promise<boolean> {
    const { settings, source } = this.#shared;
    const taken = await this.#shortcutFrom(source, destination);
    this.#shortcut = taken.io;
    if (taken.io !== null) this.ledger.done(0, source.size ?? 0);
    else if (settings.reflink === 'auto') this.#reflinkReason = taken.reason;
    return taken.io !== null;
  }

  async #shortcutFrom(source: Source, destination: Destination): Promise<Shortcut> {
    if (source.size === undefined) return { io: null, reason: 'the source does not know its size' };
    if (source.origin > 0) return { io: null, reason: 'the source is read from the middle of a file on' };
    if (destination.takeFrom === undefined) return { io: null, reason: 'the destination is no regular file' };
    const { settings, progress, checks, count } = this.#shared;
    // Of several the slowest is told of, and what is verified is told of when it is read.
    const tells = count === 1 && checks === null;
    return destination.takeFrom(source, {
      signal: settings.signal,
      onProgress: (doneBytes) => {
        if (tells) progress.copiedTo(doneBytes);
      },
    });
  }

  async #verify(destination: Destination, size: number, expected: Checks): Promise<IoMode | null> {
    if (destination.readBackPath === null || this.#place === null) return null;
    const { source, settings, progress } = this.#shared;
    let doneBytes = 0;
    const io = await verify({
      place: this.#place,
      path: destination.readBackPath,
      name: destination.path,
      size,
      expected,
      source: source.once ? null : source,
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
