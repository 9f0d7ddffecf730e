// The numbers of io_uring's interface, from linux/io_uring.h, that the library uses.

export const SETUP_CQSIZE: number = 1 << 3;
export const SETUP_SUBMIT_ALL: number = 1 << 7;
export const SETUP_COOP_TASKRUN: number = 1 << 8;
export const SETUP_TASKRUN_FLAG: number = 1 << 9;
export const SETUP_SINGLE_ISSUER: number = 1 << 12;
export const SETUP_DEFER_TASKRUN: number = 1 << 13;

export const ENTER_GETEVENTS: number = 1 << 0;

/** In the submission queue's flags: completions wait to be posted by the next enter. Needs SETUP_TASKRUN_FLAG. */
export const SQ_TASKRUN: number = 1 << 2;

export const IOSQE_ASYNC: number = 1 << 4;

export const OP_NOP = 0;
export const OP_READV = 1;
export const OP_WRITEV = 2;
export const OP_FSYNC = 3;
export const OP_READ_FIXED = 4;
export const OP_WRITE_FIXED = 5;
export const OP_SYNC_FILE_RANGE = 8;
export const OP_SENDMSG = 9;
export const OP_RECVMSG = 10;
export const OP_CONNECT = 16;
export const OP_FALLOCATE = 17;
export const OP_READ = 22;
export const OP_WRITE = 23;
export const OP_FADVISE = 24;
/** Linux 6.15: vectors within one registered buffer. */
export const OP_READV_FIXED = 60;
export const OP_WRITEV_FIXED = 61;

export const FSYNC_DATASYNC = 1;
/** SYNC_FILE_RANGE_WAIT_BEFORE | _WRITE | _WAIT_AFTER. */
export const SYNC_RANGE_WRITE_AND_WAIT = 7;
export const FADV_DONTNEED = 4;

/** 32-bit words of an SQE (struct io_uring_sqe) and of a CQE (struct io_uring_cqe). */
export const SQE_WORDS = 16;
export const CQE_WORDS = 4;

/** Indexes into NativeRing.sqOffsets and cqOffsets. */
export const SQ = { head: 0, tail: 1, mask: 2, entries: 3, flags: 4, dropped: 5, array: 6 } as const;
export const CQ = { head: 0, tail: 1, mask: 2, entries: 3, overflow: 4, cqes: 5, flags: 6 } as const;

/** In the completion queue's flags, ours to set: no signal through the eventfd. Linux 5.8. */
export const CQ_EVENTFD_DISABLED: number = 1 << 0;

export const SETUP_NAMES: readonly (readonly [number, string])[] = [
  [SETUP_CQSIZE, 'CQSIZE'],
  [SETUP_SUBMIT_ALL, 'SUBMIT_ALL'],
  [SETUP_COOP_TASKRUN, 'COOP_TASKRUN'],
  [SETUP_TASKRUN_FLAG, 'TASKRUN_FLAG'],
  [SETUP_SINGLE_ISSUER, 'SINGLE_ISSUER'],
  [SETUP_DEFER_TASKRUN, 'DEFER_TASKRUN'],
];

/** IORING_FEAT_*, by bit. */
export const FEATURE_NAMES: readonly string[] = [
  'SINGLE_MMAP',
  'NODROP',
  'SUBMIT_STABLE',
  'RW_CUR_POS',
  'CUR_PERSONALITY',
  'FAST_POLL',
  'POLL_32BITS',
  'SQPOLL_NONFIXED',
  'EXT_ARG',
  'NATIVE_WORKERS',
  'RSRC_TAGS',
  'CQE_SKIP',
  'LINKED_FILE',
  'REG_REG_RING',
  'RECVSEND_BUNDLE',
  'MIN_TIMEOUT',
  'RW_ATTR',
  'NO_IOWAIT',
];
