// Where diorite differs from the kernel's O_DIRECT on purpose. docs/Differences.md has the same rows, and a test says so.

export interface Difference {
  readonly name: string;
  readonly kernel: string;
  readonly diorite: string;
  readonly why: string;
}

type Name =
  | 'vectors'
  | 'tinyVectors'
  | 'sizeLimit'
  | 'shortWrite'
  | 'silentBuffering'
  | 'partialFault'
  | 'zram'
  | 'offsets';

export const DIFFERENCES: Readonly<Record<Name, Difference>> = {
  vectors: {
    name: 'more than 1,024 vectors (IOV_MAX)',
    kernel: 'EINVAL',
    diorite: 'as many requests as it takes',
    why: 'the limit is of one system call, and a plan is many; libuv does the same for `fs.writev`',
  },
  tinyVectors: {
    name: '257 or more vectors, of which the first 256 hold less than a block',
    kernel: 'EFAULT, though all memory is mapped',
    diorite: 'the bytes move, as in the buffered call',
    why: 'a bio takes 256 vectors and must hold a block; that none fits is about alignment, not about memory',
  },
  sizeLimit: {
    name: 'a write over RLIMIT_FSIZE',
    kernel: 'EINVAL: what the limit leaves is not aligned; the buffered call answers a short count, then EFBIG',
    diorite: 'EFBIG, with `bytes` and the ledger: what lies below the limit may be written',
    why: 'EINVAL says nothing; the caller is told what is wrong and what is known',
  },
  shortWrite: {
    name: 'a full file system',
    kernel: 'tmpfs and btrfs: a short count, and ENOSPC to the next call; ext4 and XFS: ENOSPC, and nothing counted',
    diorite: 'ENOSPC everywhere, with `bytes` and the ledger',
    why: 'a write resolves only when every byte is done',
  },
  silentBuffering: {
    name: 'btrfs with checksums, and vectors of no alignment on btrfs',
    kernel: 'goes through the page cache without a word',
    diorite:
      "the same bytes, and `io` of the result is not `direct`; with `io: 'direct'` opening for writing is refused",
    why: 'whether it was direct is told by what the kernel does, never by the flag',
  },
  partialFault: {
    name: 'memory that cannot be had behind memory that can',
    kernel: 'EFAULT, yet the bytes before it are written (btrfs: a short count)',
    diorite: 'ERR_DIORITE_DETACHED with the ledger; nothing is sent of a request that holds such memory',
    why: 'a view is looked at before it is sent; memory in flight is held, so that it cannot go',
  },
  zram: {
    name: 'memory on zram that does not begin a page',
    kernel: 'takes it (statx says 512), and a read overwrites the bytes beside it',
    diorite: 'whole pages only: anything else is staged',
    why: 'a bug of the driver, seen on Linux 6.18',
  },
  offsets: {
    name: 'a range that ends beyond 2^53 − 1',
    kernel: 'EINVAL beyond 2^63 − 1, EFBIG where the file system ends',
    diorite: 'ERR_OUT_OF_RANGE before anything is sent',
    why: 'offsets are JavaScript numbers, and never rounded',
  },
};

/** A row as it stands in docs/Differences.md. */
export function rowOf({ name, kernel, diorite, why }: Difference): string {
  return `| ${name} | ${kernel} | ${diorite} | ${why} |`;
}
