// The pool: regions within a byte budget, leased in whole pages, and a fair queue of those who found it full.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { alignDown, PAGE_SIZE, toOffset } from '../base/integers.js';
import { Block, FreeBlocks, type Ground } from './blocks.js';
import { Region } from './region.js';

const REGION_BYTES = 4 * 1024 * 1024;
const DEFAULT_POOL_BYTES_MAX = 128 * 1024 * 1024;
/** How long a region lies idle before it is given back, at least; at most twice as long. */
const IDLE_MS = 1000;
const POISON = 0xdb;

export interface PoolOptions {
  /** Regions never have more bytes than this together. */
  bytesMax: number;
  /** What is mapped at a time; a lease that is larger gets a region of its own. At most bytesMax. */
  regionBytes?: number;
  /** For tests: what is released is overwritten with 0xdb. */
  poison?: boolean;
}

export interface PoolStats {
  readonly bytesMax: number;
  readonly bytesMapped: number;
  readonly bytesLeased: number;
  readonly leases: number;
  readonly regions: number;
  readonly idleRegions: number;
  /** Callbacks that wait for something to be released. */
  readonly waiting: number;
}

let shared: Pool | undefined;

/** This isolate's pool: at most 128 MiB, nothing until it is used. */
export function defaultPool(): Pool {
  shared ??= new Pool({ bytesMax: DEFAULT_POOL_BYTES_MAX });
  return shared;
}

/**
 * A claim on page-aligned memory of the pool, whole pages. What it holds at first is whatever was there before.
 * It must be released once, and not before the kernel has let go of the memory.
 */
export class Lease {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly length: number;
  #block: Block | null;
  readonly #release: (block: Block) => void;

  /** Made by Pool.lease alone. */
  constructor(block: Block, release: (block: Block) => void) {
    this.buffer = block.ground.region.buffer;
    this.byteOffset = block.page * PAGE_SIZE;
    this.length = block.pages * PAGE_SIZE;
    this.#block = block;
    this.#release = release;
  }

  get bytes(): Uint8Array {
    if (this.#block === null) throw errors.make('ERR_DIORITE_CLOSED', 'The lease is released');
    return this.#block.bytes;
  }

  /** What an operation in flight keeps alive, so that the memory stays though the buffer be transferred away. */
  get handle(): object {
    if (this.#block === null) throw errors.make('ERR_DIORITE_CLOSED', 'The lease is released');
    return this.#block.ground.region.handle;
  }

  get released(): boolean {
    return this.#block === null;
  }

  /** Gives the memory back. A second time is a bug: by then somebody else may have it. */
  release(): void {
    const block = this.#block;
    assert(block !== null, 'a lease is released once');
    this.#block = null;
    this.#release(block);
  }

  /** For `using`: releases it unless that was done by hand. */
  [Symbol.dispose](): void {
    if (this.#block !== null) this.release();
  }
}

/** See PoolOptions. Leasing and releasing take well under a microsecond, however much is leased. */
export class Pool {
  readonly bytesMax: number;
  readonly regionBytes: number;
  readonly #poison: boolean;
  readonly #free = new FreeBlocks();
  readonly #grounds = new Set<Ground>();
  /** Regions of which nothing is leased, in the order in which they became so. */
  readonly #idle = new Set<Ground>();
  readonly #waiters = new Set<() => void>();
  /** Whoever is being served may lease although others wait. */
  #serving: (() => void) | null = null;
  #servedAgain = false;
  #serviceDue = false;
  #bytesMapped = 0;
  #bytesLeased = 0;
  #leases = 0;
  #idleTimer: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.bytesMax = alignDown(toOffset(options.bytesMax, 'bytesMax'), PAGE_SIZE);
    if (this.bytesMax === 0) throw errors.outOfRange('bytesMax', `>= ${PAGE_SIZE}`, options.bytesMax);
    const regionBytes = toOffset(options.regionBytes ?? REGION_BYTES, 'regionBytes');
    if (regionBytes < PAGE_SIZE) throw errors.outOfRange('regionBytes', `>= ${PAGE_SIZE}`, regionBytes);
    this.regionBytes = Math.min(alignDown(regionBytes, PAGE_SIZE), this.bytesMax);
    this.#poison = options.poison ?? false;
  }

  /** Bytes that are leased now. */
  get leased(): number {
    return this.#bytesLeased;
  }

  get stats(): PoolStats {
    return {
      bytesMax: this.bytesMax,
      bytesMapped: this.#bytesMapped,
      bytesLeased: this.#bytesLeased,
      leases: this.#leases,
      regions: this.#grounds.size,
      idleRegions: this.#idle.size,
      waiting: this.#waiters.size,
    };
  }

  /**
   * Memory of at least `bytes`, or null: full now, or others wait already: `onceFree` calls back when to ask again.
   * More than bytesMax can never be had: ERR_DIORITE_BUDGET.
   */
  lease(bytes: number): Lease | null {
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw errors.outOfRange('bytes', 'a positive integer', bytes);
    if (bytes > this.bytesMax)
      throw errors.make('ERR_DIORITE_BUDGET', `A lease of ${bytes} bytes is asked of a pool of ${this.bytesMax}`);
    if (this.#waiters.size > 0 && this.#serving === null) return null;
    const block = this.#take(Math.ceil(bytes / PAGE_SIZE));
    if (block === null) return null;
    if (this.#idle.size > 0) this.#idle.delete(block.ground);
    this.#bytesLeased += block.pages * PAGE_SIZE;
    this.#leases++;
    return new Lease(block, this.#release);
  }

  /**
   * Calls back once after something was released: on a turn of the event loop of its own, never from within `release`.
   * First come, first served: one callback a turn, and while any waits, `lease` gives memory only to the one that is
   * being called. If that one finds too little and asks again with the same function before it returns, it keeps its
   * place, so that a large lease is not starved by small ones. A function that waits already is not added again.
   *
   * Whoever waits must hold no lease that is released only after the wait: two who do so would wait for each other.
   */
  onceFree(callback: () => void): void {
    if (this.#serving === callback) {
      this.#servedAgain = true;
      return;
    }
    this.#waiters.add(callback);
    if (this.#bytesLeased === 0) this.#serveLater(); // no release will come
  }

  /** Gives idle regions back, all but one. Returns their bytes. It also happens by itself after a second or two. */
  trim(): number {
    const before = this.#bytesMapped;
    for (const ground of this.#idle) {
      if (this.#idle.size <= 1) break;
      this.#unmap(ground);
    }
    return before - this.#bytesMapped;
  }

  readonly #release = (block: Block): void => {
    this.#bytesLeased -= block.pages * PAGE_SIZE;
    this.#leases--;
    assert(this.#leases >= 0 && this.#bytesLeased >= 0, 'no more is released than was leased');
    const { ground } = block;
    if (!ground.lost) {
      if (this.#poison && !ground.region.detached) block.bytes.fill(POISON);
      if (this.#free.give(block).pages === ground.pages) this.#becameIdle(ground);
    }
    if (this.#waiters.size > 0) this.#serveLater();
  };

  #take(pages: number): Block | null {
    for (;;) {
      const block = this.#free.take(pages);
      if (block === null) return this.#grow(pages) ? this.#free.take(pages) : null;
      if (!block.ground.region.detached) return block;
      this.#free.give(block);
      this.#lose(block.ground);
    }
  }

  /** Maps another region with room for `pages`; idle ones, which were too small, make way for it. False: no room. */
  #grow(pages: number): boolean {
    const needed = pages * PAGE_SIZE;
    for (const ground of this.#idle) {
      if (this.bytesMax - this.#bytesMapped >= needed) break;
      this.#unmap(ground);
    }
    const room = this.bytesMax - this.#bytesMapped;
    if (room < needed) return false;
    const region = this.#map(Math.max(needed, Math.min(this.regionBytes, room)));
    if (region === null) return false;
    const ground = Block.ground(region);
    this.#grounds.add(ground);
    this.#idle.add(ground);
    this.#bytesMapped += region.length;
    this.#free.give(ground.first);
    return true;
  }

  /** Null: the machine has no memory now, but some of ours will come back. */
  #map(bytes: number): Region | null {
    try {
      return new Region(bytes);
    } catch (error) {
      if (this.#bytesLeased === 0) throw error;
      return null;
    }
  }

  #unmap(ground: Ground): void {
    this.#idle.delete(ground);
    this.#grounds.delete(ground);
    this.#free.remove(ground.first);
    this.#bytesMapped -= ground.region.length;
    // Nothing is leased of it, and so nothing in flight uses it: no need to wait for the garbage collector.
    ground.region.unmap();
  }

  /** Somebody transferred a buffer of ours: its free blocks go now, its leased ones are forgotten when they come back. */
  #lose(ground: Ground): void {
    ground.lost = true;
    for (let block: Block | null = ground.first; block !== null; block = block.after)
      if (block.free) this.#free.remove(block);
    this.#idle.delete(ground);
    this.#grounds.delete(ground);
    this.#bytesMapped -= ground.region.length;
  }

  #becameIdle(ground: Ground): void {
    ground.recent = true;
    this.#idle.add(ground);
    if (this.#idle.size > 1 && this.#idleTimer === null) this.#idleTimer = setTimeout(this.#trimOld, IDLE_MS).unref();
  }

  /** What has been idle since the last look goes; what became so meanwhile has until the next. One always stays. */
  readonly #trimOld = (): void => {
    this.#idleTimer = null;
    for (const ground of this.#idle) {
      if (this.#idle.size <= 1) break;
      if (!ground.recent) this.#unmap(ground);
      ground.recent = false;
    }
    if (this.#idle.size > 1) this.#idleTimer = setTimeout(this.#trimOld, IDLE_MS).unref();
  };

  #serveLater(): void {
    if (this.#serviceDue) return;
    this.#serviceDue = true;
    setImmediate(this.#serve);
  }

  readonly #serve = (): void => {
    this.#serviceDue = false;
    const [first] = this.#waiters;
    if (first === undefined) return;
    this.#serving = first;
    this.#servedAgain = false;
    try {
      first();
    } finally {
      this.#serving = null;
      // Asked again: it stays the first, and waits for the next release, as do those behind it.
      if (!this.#servedAgain) this.#waiters.delete(first);
      if (this.#waiters.size > 0 && (!this.#servedAgain || this.#bytesLeased === 0)) this.#serveLater();
    }
  };
}
