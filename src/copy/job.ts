// A copy being carried out: one reading of the source, a branch for each destination.
import { defaultPool } from '../memory/pool.js';
import type { Chosen } from '../transfer/pace.js';
import { Branch, type Shared } from './branch.js';
import { type Cell, cellsOf, filled } from './cells.js';
import { type CopyPace, copyPace } from './copy-pace.js';
import type { Destination } from './destination.js';
import type { Lane } from './lane.js';
import type { Resolved } from './place.js';
import { memoryFor, pump } from './pump.js';
import { pumpUntilEnd } from './stream-pump.js';

/** A destination's name, or why it stands for nothing that could be written. */
export type Named =
  | { readonly path: string; readonly resolved: Resolved }
  | { readonly path: string; readonly error: unknown };

/**
 * With several destinations there are twice as many pieces in memory as one destination may have on the way: so far a
 * fast one runs ahead of a slow one. From there on all go at the pace of the slowest.
 */
const AHEAD = 2;

export class Job {
  readonly branches: readonly Branch[];
  readonly #named: readonly Named[];
  readonly #shared: Shared;
  #dataBytes = 0;
  #bytes: number;
  #stagedReason: string | null = null;
  readonly #pace: CopyPace;
  #pumped = false;

  constructor(named: readonly Named[], common: Omit<Shared, 'count'>) {
    const shared = { ...common, count: named.length };
    this.#named = named;
    this.#shared = shared;
    this.#bytes = shared.source.size ?? 0;
    this.#pace = copyPace(shared.settings, shared.source.size, named.length);
    this.branches = named.map(({ path }) => new Branch(path, shared));
  }

  /** The size of what was copied. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How much of it was data, as far as it was moved. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** How many pieces of what size were on the way. Null: none was. */
  get chosen(): Chosen | null {
    const { pace, fixed } = this.#pace;
    return this.#pumped ? (pace?.chosen ?? fixed) : null;
  }

  /** Never rejects: each branch ends published, or with its failure and nothing left of it. */
  async run(): Promise<void> {
    await Promise.all([this.#beginAll(false), this.#beginAll(true)]);
    const moving = this.#move();
    await Promise.all(this.branches.map((branch) => this.#end(branch, moving)));
  }

  /** What takes bytes in order, one after the other: to open a FIFO holds a thread until there is a reader. */
  async #beginAll(sequential: boolean): Promise<void> {
    const all: Promise<void>[] = [];
    for (const [i, branch] of this.branches.entries()) {
      const named = this.#named[i];
      if (named === undefined || isSequential(named) !== sequential) continue;
      const begun = 'error' in named ? branch.fail(named.error) : branch.begin(named.resolved);
      if (sequential) await begun;
      else all.push(begun);
    }
    await Promise.all(all);
  }

  /** Bytes that a stream gave or took through memory. */
  #notePiped(branch: Branch): void {
    if (this.#stagedReason === null || branch.piped !== null) return;
    branch.notePiped({ splicedBytes: 0, stagedBytes: this.#bytes, reason: this.#stagedReason });
  }

  /** Each branch ends by itself: when its own last byte is written, not when the slowest one's is. */
  async #end(branch: Branch, moving: Promise<{ readonly error: unknown } | null>): Promise<void> {
    if (branch.failure !== null) return;
    const { lane } = branch;
    if (lane !== null) {
      const end = await lane.ended;
      if (end === 'failed') return branch.fail(lane.failure?.error);
      this.#notePiped(branch);
      if (end === 'whole') return branch.finish(this.#bytes);
    }
    if (branch.shortcut !== null && this.#shared.checks === null) return branch.finish(this.#bytes);
    // A clone waits for the source to be read for its checksums; a lane was stopped for what is everyone's.
    const failure = await moving;
    if (failure !== null) return branch.fail(failure.error);
    await branch.finish(this.#bytes);
  }

  /** Resolves with what went wrong for everyone, or null. */
  async #move(): Promise<{ readonly error: unknown } | null> {
    const lanes = this.branches.flatMap(({ lane, failure }) => (lane === null || failure !== null ? [] : [lane]));
    const { checks, progress } = this.#shared;
    const live = (): boolean =>
      this.branches.some((each) => each.failure === null && (each.lane?.failure ?? null) === null);
    try {
      // Clones alone are read for their checksums only.
      if (lanes.length > 0 || (live() && checks !== null)) await this.#pump(lanes);
      if (live()) progress.copiedAll();
      return null;
    } catch (error) {
      return { error };
    } finally {
      for (const lane of lanes) lane.end('stopped');
    }
  }

  async #pump(lanes: readonly Lane[]): Promise<void> {
    const { source, settings, checks } = this.#shared;
    if (await this.#splice()) return;
    this.#pumped = true;
    const common = {
      lanes,
      pool: defaultPool(),
      cellBytes: settings.requestBytes,
      signal: settings.signal,
      seen: checks === null ? undefined : (offset: number, bytes: Uint8Array) => checks.add(offset, bytes),
      done: (cell: Cell) => this.#moved(cell),
    };
    const { size } = source;
    const slots = lanes.length > 1 ? settings.depth * AHEAD : settings.depth;
    if (size === undefined) {
      // Checksums are of whole cells, but for the last one.
      const passOn = checks === null && this.branches.some(({ destination }) => destination?.sequential === true);
      this.#bytes = await pumpUntilEnd({
        ...common,
        depth: slots,
        fill: async (view, position) => {
          const got = await source.fill(view, position, passOn);
          source.assertNoMore(position + got);
          return got;
        },
        stop: () => source.stop(),
      });
      source.assertSize(this.#bytes);
      for (const lane of lanes) lane.end('whole');
      return;
    }
    const data = cellsOf(source.data(), size, settings.requestBytes);
    const freshReadsZero = this.branches.every(({ destination }) => destination?.freshReadsZero !== false);
    await pump({
      ...common,
      pace: this.#pace.pace,
      reader: source,
      cells: freshReadsZero ? data : filled(data, size),
      ...memoryFor(size, settings.requestBytes, slots),
      ended: (position) => source.changed(`it ends at ${position}, not at ${size}`),
    });
  }

  /**
   * Between one stream and one local file, where nobody wants to see the bytes on their way. False: they are to be moved
   * through memory; where there is a stream, each branch then knows why.
   */
  async #splice(): Promise<boolean> {
    const { source, checks } = this.#shared;
    const isStream = ({ destination }: Branch): boolean => destination?.target?.seekable === false;
    if (!source.once && !this.branches.some(isStream)) return false;
    const [branch] = this.branches;
    let reason = 'there are several destinations';
    if (this.branches.length === 1 && branch?.lane && branch.destination !== null) {
      const moved = checks === null ? await this.#spliceTo(branch, branch.destination) : 'checksums are made of them';
      if (moved === null) return true;
      reason = moved;
    }
    this.#stagedReason = reason;
    return false;
  }

  /** Null: all of it is there; or why it is not moved so. */
  async #spliceTo(branch: Branch, destination: Destination): Promise<string | null> {
    const { source, settings, progress } = this.#shared;
    const { moveBySplice } = await import('./stdio/by-splice.js');
    // What a callback throws ends the copy; it must not be thrown into who moves the bytes.
    const ends = new AbortController();
    const signal = settings.signal === undefined ? ends.signal : AbortSignal.any([settings.signal, ends.signal]);
    let told = 0;
    const onProgress = (doneBytes: number): void => {
      try {
        progress.copied(doneBytes - told);
      } catch (error) {
        ends.abort(error);
      }
      told = doneBytes;
    };
    const moved = await moveBySplice(source, destination, { bytes: source.bytesMax, signal, onProgress });
    if (typeof moved === 'string') return moved;
    const { bytes } = moved;
    if (source.size !== undefined && bytes < source.size)
      throw source.changed(`it ends at ${bytes}, not at ${source.size}`);
    source.assertSize(bytes);
    this.#bytes = bytes;
    this.#dataBytes = bytes;
    branch.notePiped(moved);
    branch.ledger.done(0, bytes);
    branch.lane?.end('whole');
    return null;
  }

  #moved(cell: Cell): void {
    for (const { length } of cell.data) this.#dataBytes += length;
    this.#shared.progress.copied(cell.length);
  }
}

function isSequential(named: Named): boolean {
  return 'resolved' in named && named.resolved.kind === 'sequential';
}
