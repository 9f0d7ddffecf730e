// Pages between pipes and a file, by splice(2) on the direct descriptor: under the locks, and in the accounts, of its writes.
import { assert } from '../../base/assert.js';
import { TWO_32 } from '../../base/integers.js';
import { loadAddon } from '../../memory/addon.js';
import type { Direction } from '../../plan/limits.js';
import type { Inode } from '../inode/inode.js';
import { withRange } from '../inode/range-lock.js';
import type { CacheWatch } from './cache-watch.js';
import type { Descriptors } from './descriptors.js';
import { type Engine, Op } from './engines/engine.js';
import { run } from './run.js';

export interface SplicesInput {
  readonly file: {
    check(): void;
    notDirect(direction: Direction): string | null;
    /** So many operations more are in flight: `close` waits for them. */
    inFlight(more: 1 | -1): void;
    written(offset: number, bytes: number): void;
  };
  readonly descriptors: Descriptors;
  readonly engine: Engine;
  readonly inode: Inode;
  readonly watch: CacheWatch;
}

/** A pipe that nobody else has, empty, and how many bytes its slots hold if all are whole pages. */
export interface OwnPipe {
  readonly readFd: number;
  readonly writeFd: number;
  readonly capacity: number;
}

/** How far a pump came: bytes in the file, and bytes behind them that are still in the pipe of our own. */
export interface Pumped {
  readonly moved: number;
  readonly held: number;
}

export class Splices {
  readonly #input: SplicesInput;

  constructor(input: SplicesInput) {
    this.#input = input;
  }

  /** Why pages cannot go between a pipe and this file as they lie; null: they can, where the kernel takes them. */
  problem(direction: Direction): string | null {
    if (!this.#input.engine.supports(Op.SPLICE)) return 'splicing needs the addon';
    return this.#input.file.notDirect(direction);
  }

  /**
   * How many bytes went, or −errno. EINVAL: they do not lie as the file wants them, and are still in the pipe. The range
   * must be of whole blocks.
   */
  async move(direction: Direction, pipe: number, offset: number, length: number): Promise<number> {
    const { engine } = this.#input;
    return this.#account(direction, offset, length, (fd) =>
      direction === 'read'
        ? run(engine, { op: Op.SPLICE_FROM, fd: pipe, from: fd, offset, length, buffered: true })
        : run(engine, { op: Op.SPLICE, fd, from: pipe, offset, length, buffered: true }),
    );
  }

  /**
   * From a stream to the file through a pipe of our own, as long as the stream gives whole pages without a pause: one job
   * for many megabytes. It says nothing of errors: who goes on where it stopped meets them again.
   */
  async pump(source: number, own: OwnPipe, offset: number, length: number): Promise<Pumped> {
    const addon = loadAddon();
    assert(addon !== null, 'what is spliced goes by the addon');
    const { readFd, writeFd, capacity } = own;
    const pipe = Uint32Array.of(readFd, writeFd, capacity, 0);
    let held = 0;
    const moved = await this.#account('write', offset, length, async (fd) => {
      const result = await new Promise<number>((resolve) => {
        addon.job(Op.PUMP, fd, offset, length, 0, pipe, 0, 1, own, resolve, source);
      });
      held = Math.max(0, Math.floor(result / TWO_32));
      return result < 0 ? result : result % TWO_32;
    });
    return { moved: Math.max(0, moved), held };
  }

  async #account(
    direction: Direction,
    offset: number,
    length: number,
    work: (fd: number) => Promise<number>,
  ): Promise<number> {
    const { file, descriptors, inode, watch } = this.#input;
    file.check();
    const fd = descriptors.direct;
    assert(fd !== null && this.problem(direction) === null, 'what is spliced goes direct');
    const before = watch.before(direction, offset, length);
    file.inFlight(1);
    try {
      const range = { start: offset, end: offset + length, kind: 'direct' } as const;
      const result = direction === 'read' ? await work(fd) : await withRange(inode.lock, range, () => work(fd));
      if (result > 0) watch.after(direction, offset, result, before);
      if (result > 0 && direction === 'write') file.written(offset, result);
      return result;
    } finally {
      file.inFlight(-1);
    }
  }
}
