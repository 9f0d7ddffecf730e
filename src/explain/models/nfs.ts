// How many READs or WRITEs the Linux NFS client makes of vectors with O_DIRECT. Pure.
// Source: Linux 6.x, fs/nfs/direct.c (one nfs_page for each fragment of a page) and fs/nfs/pagelist.c
// (nfs_coalesce_size, nfs_generic_pg_test): which fragments go into one request.
import { PAGE_SIZE } from '../../base/integers.js';
import type { Vector } from '../vectors.js';

/** The array of a request's pages must fit in one page: 512 pointers of 8 bytes, 2 MiB. */
const PAGES_MAX = PAGE_SIZE / 8;

/**
 *      memory      |AAAA....|....BBBB|CCCCCCCC|DD......|........|DD......|      | pages of 4096
 *      requests     A | B C D | D'       A does not end its page. B does, and C begins one, fills it, and D begins one.
 *
 * A fragment joins the one before it when it lies right behind it in the same page, or when that one ends its page and
 * this one begins one: any page, for the page array need not be contiguous. `rpcBytes` is wsize or rsize.
 */
export function nfsRequests(vectors: readonly Vector[], rpcBytes: number): number {
  let requests = 0;
  let filled = 0;
  /** Where the fragment before ends; −1 before the first. */
  let end = -1;
  for (const { offset, size } of vectors) {
    for (let at = offset; at < offset + size; ) {
      const toPageEnd = PAGE_SIZE - (at % PAGE_SIZE);
      const fragment = Math.min(toPageEnd, offset + size - at);
      const joins = at === end || (at % PAGE_SIZE === 0 && end !== -1 && end % PAGE_SIZE === 0);
      if (!joins) filled = 0;
      for (let left = fragment; left > 0; ) {
        const isFull = filled === rpcBytes || Math.floor((filled + left) / PAGE_SIZE) > PAGES_MAX;
        if (filled === 0 || isFull) {
          requests++;
          filled = 0;
        }
        const taken = Math.min(left, rpcBytes - filled);
        filled += taken;
        left -= taken;
      }
      at += fragment;
      end = at;
    }
  }
  return requests;
}

/** A write that fits one request is stable at once; several are UNSTABLE, and one COMMIT follows. */
export function nfsCommits(requests: number): number {
  return requests > 1 ? 1 : 0;
}
