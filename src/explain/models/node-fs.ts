// How many system calls node:fs makes of vectors. Pure.
// Source: libuv 1.52, src/unix/fs.c, uv__fs_write_all and uv__fs_read; checked against Node 20 with strace.

/** IOV_MAX, include/uapi/linux/uio.h (UIO_MAXIOV): the most vectors of one call. */
const IOV_MAX = 1024;
/** MAX_RW_COUNT, include/linux/fs.h: what the kernel moves at most in one call. */
const MAX_RW_BYTES = 0x7ffff000;

export interface NodeCalls {
  readonly calls: number;
  /** Fewer than the vectors hold: 1,024 empty vectors in a row move nothing, and libuv takes that for the end. */
  readonly bytes: number;
}

/**
 * FileHandle.writev: 1,024 vectors a call, whatever they hold, on from where a call stopped. FileHandle.readv makes
 * one such call and returns short; a program that wants the rest makes as many.
 */
export function nodeVectored(sizes: readonly number[]): NodeCalls {
  let calls = 0;
  let bytes = 0;
  let used = 0;
  for (let index = 0; index < sizes.length; ) {
    let moved = 0;
    let after = index;
    let intoAfter = used;
    for (; after < Math.min(index + IOV_MAX, sizes.length); after++) {
      const left = (sizes[after] ?? 0) - intoAfter;
      if (moved + left > MAX_RW_BYTES) {
        intoAfter += MAX_RW_BYTES - moved;
        moved = MAX_RW_BYTES;
        break;
      }
      moved += left;
      intoAfter = 0;
    }
    calls++;
    bytes += moved;
    if (moved === 0) break;
    index = after;
    used = intoAfter;
  }
  return { calls, bytes };
}

/** FileHandle.write, or .read, of one vector after the other: a call each, and more above 2 GiB. */
export function nodeOneByOne(sizes: readonly number[]): NodeCalls {
  let calls = 0;
  let bytes = 0;
  for (const size of sizes) {
    calls += Math.max(1, Math.ceil(size / MAX_RW_BYTES));
    bytes += size;
  }
  return { calls, bytes };
}
