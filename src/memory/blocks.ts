// How a pool carves its regions: blocks of whole pages, free ones merged with their neighbours and found by size.
import { assert } from '../base/assert.js';
import { PAGE_SIZE } from '../base/integers.js';
import type { Region } from './region.js';

/** A region of a pool. Its blocks lie side by side and cover it; two free ones never touch. */
export interface Ground {
  readonly region: Region;
  readonly pages: number;
  readonly first: Block;
  /** Its memory was transferred away: nothing more is taken from it, and what comes back is forgotten. */
  lost: boolean;
  /** Became idle since the pool last looked for idle regions. */
  recent: boolean;
}

/** A stretch of pages, leased or free. */
export class Block {
  readonly page: number;
  pages: number;
  free = false;
  /** Neighbours in the region. */
  before: Block | null = null;
  after: Block | null = null;
  /** Neighbours in the list of free blocks of about this size. */
  previousFree: Block | null = null;
  nextFree: Block | null = null;
  #ground: Ground | null = null;
  #bytes: Uint8Array | null = null;

  constructor(page: number, pages: number) {
    this.page = page;
    this.pages = pages;
  }

  /** The first block of a new region: all of it. */
  static ground(region: Region): Ground {
    const pages = region.length / PAGE_SIZE;
    const first = new Block(0, pages);
    const ground: Ground = { region, pages, first, lost: false, recent: false };
    first.#ground = ground;
    return ground;
  }

  get ground(): Ground {
    assert(this.#ground !== null, 'a block is part of a region');
    return this.#ground;
  }

  /** One view for as long as the block keeps its size: memory that is leased again hot needs no new one. */
  get bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(this.ground.region.buffer, this.page * PAGE_SIZE, this.pages * PAGE_SIZE);
    return this.#bytes;
  }

  /** Cuts off everything after the first `pages`; returns that rest, which is in no list yet. */
  split(pages: number): Block {
    assert(pages > 0 && pages < this.pages, 'a block is split inside');
    const rest = new Block(this.page + pages, this.pages - pages);
    rest.#ground = this.#ground;
    rest.before = this;
    rest.after = this.after;
    if (rest.after !== null) rest.after.before = rest;
    this.after = rest;
    this.pages = pages;
    this.#bytes = null;
    return rest;
  }

  /** Takes in the block after it, which is in no list any more. */
  absorbAfter(): void {
    const gone = this.after;
    assert(gone !== null, 'there is a block after it');
    this.pages += gone.pages;
    this.after = gone.after;
    if (this.after !== null) this.after.before = this;
    this.#bytes = null;
  }
}

/** Sizes below this have a list each; larger ones share one in four steps to the next power of two. */
const EXACT = 8;
const EXACT_LOG2 = 3;
const LISTS = EXACT + (31 - EXACT_LOG2) * 4;
/** In a list of mixed sizes, how many are looked at before larger ones are split. */
const LOOKS = 8;

/** The list for blocks of `pages`: every block in a later list is larger. */
function listOf(pages: number): number {
  if (pages < EXACT) return pages;
  const log2 = 31 - Math.clz32(pages);
  return EXACT + (log2 - EXACT_LOG2) * 4 + ((pages >>> (log2 - 2)) & 3);
}

/** Free blocks of all regions of a pool: last in, first out in each size, so that memory is used again hot. */
export class FreeBlocks {
  readonly #heads: (Block | null)[] = new Array(LISTS).fill(null);
  /** One bit per list that is not empty. */
  readonly #filled = new Uint32Array(Math.ceil(LISTS / 32));

  /** A block of exactly `pages`, out of all lists, or null. */
  take(pages: number): Block | null {
    const block = this.#fitting(pages);
    if (block === null) return null;
    this.remove(block);
    if (block.pages > pages) this.#insert(block.split(pages));
    return block;
  }

  /** Gives a block back. Returns the block that it is part of, merged with free neighbours. */
  give(block: Block): Block {
    let whole = block;
    if (whole.after?.free === true) {
      this.remove(whole.after);
      whole.absorbAfter();
    }
    if (whole.before?.free === true) {
      whole = whole.before;
      this.remove(whole);
      whole.absorbAfter();
    }
    this.#insert(whole);
    return whole;
  }

  remove(block: Block): void {
    assert(block.free, 'a free block is taken');
    const { previousFree, nextFree } = block;
    if (nextFree !== null) nextFree.previousFree = previousFree;
    if (previousFree !== null) previousFree.nextFree = nextFree;
    else this.#setHead(listOf(block.pages), nextFree);
    block.previousFree = null;
    block.nextFree = null;
    block.free = false;
  }

  #insert(block: Block): void {
    const list = listOf(block.pages);
    const head = this.#heads[list] ?? null;
    block.free = true;
    block.nextFree = head;
    if (head !== null) head.previousFree = block;
    this.#setHead(list, block);
  }

  #setHead(list: number, block: Block | null): void {
    this.#heads[list] = block;
    const word = this.#filled[list >>> 5] ?? 0;
    const bit = 1 << (list & 31);
    this.#filled[list >>> 5] = block === null ? word & ~bit : word | bit;
  }

  #fitting(pages: number): Block | null {
    const list = listOf(pages);
    let block = this.#heads[list] ?? null;
    for (let looks = 0; block !== null && looks < LOOKS; looks++, block = block.nextFree)
      if (block.pages >= pages) return block;
    return this.#headFrom(list + 1);
  }

  /** The first block of the first list that has any, from `list` on. */
  #headFrom(list: number): Block | null {
    let word = list >>> 5;
    let bits = (this.#filled[word] ?? 0) & (-1 << (list & 31));
    while (bits === 0) {
      if (++word >= this.#filled.length) return null;
      bits = this.#filled[word] ?? 0;
    }
    const lowest = 31 - Math.clz32(bits & -bits);
    return this.#heads[word * 32 + lowest] ?? null;
  }
}
