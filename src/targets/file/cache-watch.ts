// What the kernel did with direct requests, by the page cache: whether it left pages behind, as it does of buffered ones.
import { loadAddon } from '../../memory/addon.js';
import type { Direction } from '../../plan/limits.js';

/** Pages may come from somebody else's read of the same range: so many requests in a row are no coincidence. */
const SUSPICION_ENOUGH = 3;

/**
 * A direct request leaves no pages behind: it flushes and drops what was there. More of them than before means that the
 * file system buffered it and told nobody (ext4 with data=journal, tmpfs, …), or that somebody else read the same range
 * meanwhile; then the next requests are looked at too.
 */
export class CacheWatch {
  readonly #fd: number;
  /** Per direction: requests, how many looked at in a row seemed to leave pages, and whether one ever did not. */
  readonly #seen = { read: 0, write: 0 };
  readonly #suspicion = { read: 0, write: 0 };
  readonly #wasDirect = { read: false, write: false };
  readonly #cached = { read: false, write: false };

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** This direction goes through the page cache, though it was sent direct. */
  isCached(direction: Direction): boolean {
    return this.#cached[direction];
  }

  /** Before a direct request: pages of the range in the cache; −1: it is not looked at, or that cannot be asked. */
  before(direction: Direction, offset: number, bytes: number): number {
    const looks = isSample(++this.#seen[direction]) || this.#suspicion[direction] > 0;
    return looks ? this.#pages(offset, bytes) : -1;
  }

  /** After it, with what `before` gave. */
  after(direction: Direction, offset: number, bytes: number, before: number): void {
    if (before < 0) return;
    const after = this.#pages(offset, bytes);
    if (after < 0) return;
    const suspicion = after > before ? this.#suspicion[direction] + 1 : 0;
    this.#suspicion[direction] = suspicion;
    if (suspicion === 0) this.#wasDirect[direction] = true;
    this.#cached[direction] = suspicion >= (this.#wasDirect[direction] ? SUSPICION_ENOUGH : 1);
  }

  #pages(offset: number, bytes: number): number {
    const addon = loadAddon();
    return addon === null ? -1 : addon.cachedPages(this.#fd, offset, bytes);
  }
}

/** The 1st, 2nd, 4th, 8th … request of a direction is looked at: what a file system does rarely changes. */
function isSample(n: number): boolean {
  return (n & (n - 1)) === 0;
}
