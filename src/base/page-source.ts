// Where the iterator's pages come from: it stands where the kernel has get_user_pages_fast.

/**
 * Numbers the pages of a piece of memory, gives some of them at a time, and takes them back.
 * A page is a small integer, valid from `get` until the `put` that matches it; nothing is allocated per page.
 *
 *      ArrayBuffer  |-------------------------------|
 *      pages     |  7  |  8  |  9  | 10  | 11  | 12  |      a page is PAGE_SIZE bytes of address space, aligned
 *                  ^ offsetInPage(buffer)
 */
export interface PageSource {
  /**
   * Where in its page the first byte of the buffer lies, 0 … PAGE_SIZE−1, or −1 where the address is not known:
   * such memory counts as misaligned. Never derived from `byteOffset`, which says nothing of addresses.
   */
  offsetInPage(buffer: ArrayBufferLike): number;
  /**
   * Takes (pins) up to `maxPages` pages that hold bytes byteOffset … byteOffset+length−1 of the buffer, in order, and
   * writes their numbers to `pages` from index `at`. Returns how many it took: at least 1, maybe fewer than asked.
   * Throws, having taken none, when the first cannot be had (the kernel's EFAULT).
   */
  get(
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
    pages: Int32Array,
    at: number,
    maxPages: number,
  ): number;
  /** Gives back `count` pages from index `at`: once for each time that `get` took them. */
  put(pages: Int32Array, at: number, count: number): void;
  /** The bytes from … from+size−1 of a page that is held. `from + size` ≤ PAGE_SIZE; a view on the memory, no copy. */
  viewOf(page: number, from: number, size: number): Uint8Array;
  /**
   * Both or none: takes all pages of a buffer at once, until `release`, and returns the number of the first; the others
   * follow in a row. Throws as `get` does. Walks over scattered memory then cost no call for each piece.
   */
  hold?(buffer: ArrayBufferLike): number;
  release?(buffer: ArrayBufferLike): void;
}
