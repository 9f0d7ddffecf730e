// What carries out file operations: the ring, the thread pool through the addon, or node:fs.
import type { SegmentList } from '../../../plan/request.js';

/** One operation on a descriptor. The numbers index the table in native/jobs.c. */
export const Op = {
  READ: 0,
  WRITE: 1,
  FSYNC: 2,
  FDATASYNC: 3,
  /** sync_file_range: start write-back of [offset, offset+length) and wait for it. Says nothing of durability. */
  WRITE_BACK: 4,
  /** posix_fadvise(DONTNEED) on [offset, offset+length). */
  DROP_CACHE: 5,
  /** fallocate(flags, offset, length). */
  FALLOCATE: 6,
  /** lseek(offset, SEEK_DATA): the result is an offset. */
  SEEK_DATA: 7,
  SEEK_HOLE: 8,
  /** ioctl(BLKZEROOUT) on [offset, offset+length) of a block device. */
  BLOCK_ZERO: 9,
  /** ioctl(FICLONE): `fd` becomes the same bytes as the descriptor that `flags` holds. */
  CLONE: 10,
  /** splice(2): `length` bytes from the descriptor `from` to `fd`; `offset` is `fd`'s, −1: it has none. */
  SPLICE: 11,
  /** The same, and `offset` is `from`'s. */
  SPLICE_FROM: 12,
  /** tee(2): the first `length` bytes of the pipe `from` are in the pipe `fd` too. */
  TEE: 13,
  /** vmsplice(2): the pages themselves go into the pipe `fd`. Nobody may write to them ever after. */
  VMSPLICE: 14,
  /** Many splices in one job: see Splices.pump. */
  PUMP: 15,
  /** lseek(offset, SEEK_SET): the position that others who share the description go on from. */
  SEEK: 16,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** RWF_DSYNC, linux/fs.h: this write is durable when it completes, as if O_DSYNC. */
export const RWF_DSYNC = 0x2;
/** RWF_ATOMIC, linux/fs.h since 6.11: all of this write or none of it, whenever the power fails. */
export const RWF_ATOMIC = 0x40;

/** RWF_NOWAIT, linux/fs.h since 4.14: EAGAIN instead of waiting; EOPNOTSUPP where the file cannot tell. */
export const RWF_NOWAIT = 0x8;

/** Owned by who submits it until `complete` is called; reused afterwards. Also keeps the memory alive meanwhile. */
export interface Operation {
  op: Op;
  fd: number;
  offset: number;
  /** READ, WRITE: the sum of the segments' lengths. */
  length: number;
  /** READ, WRITE: RWF_* flags. FALLOCATE: its mode. SPLICE, SPLICE_FROM, TEE, VMSPLICE: SPLICE_F_* flags. */
  flags: number;
  /** SPLICE, SPLICE_FROM, TEE: where bytes come from. */
  from?: number;
  /** READ, WRITE, VMSPLICE: at most `maxSegments`, every buffer non-null. */
  segments: SegmentList | null;
  /** May copy in the kernel (buffered I/O): must then run off this thread. */
  buffered: boolean;
  /** Not on the ring: where a descriptor has O_NONBLOCK it waits by itself, and EAGAIN is wanted. */
  onPool?: boolean;
  /** ≥ 0: what the system call returned; < 0: −errno. Called once, never before `submit` returned. */
  complete(result: number): void;
}

export interface Engine {
  readonly name: 'uring' | 'threads';
  /** Whether it reaches memory by address, so that the caller's own aligned memory goes without a copy. */
  readonly addresses: boolean;
  readonly maxSegments: number;
  /** In flight beyond this, `submit` says full. */
  readonly depth: number;
  /** `flags`: the RWF_* flags of a READ or WRITE; node:fs cannot pass any. */
  supports(op: Op, flags?: number): boolean;
  /** False: full, not taken; `onceDrained` calls back when there is room. */
  submit(operation: Operation): boolean;
  onceDrained(callback: () => void): void;
}
