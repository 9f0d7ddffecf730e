// The addon's interface, and how it is found. Only memory/ and targets/ use it; without it everything has a slow way.
/** What native/ exports. Numbers that may pass 2^31 are doubles; a result below 0 is −errno. */
export interface Addon {
  /** Page-aligned, pre-faulted, zeroed memory, owned natively: it is unmapped when both the buffer and the handle are
   * gone. The handle is what in-flight work holds: it keeps the memory though the buffer is detached. Throws ENOMEM. */
  regionCreate(bytes: number): { buffer: ArrayBuffer; handle: object };
  /** Bytes of regions that are mapped now, in the whole process. */
  regionBytes(): number;
  /** The address of the buffer's first byte; 0 for an empty or detached one. */
  addressOf(buffer: ArrayBufferLike): number;

  /**
   * Runs an operation of engine.ts's table `Op` on the thread pool. `iov`: for READ and WRITE `iovCount` entries of
   * four 32-bit words from word `iovAt` (address low, high, length low, high: struct iovec on 64-bit little-endian),
   * copied before this returns. `hold` is kept alive until `complete(result)` has been called.
   */
  job(
    op: number,
    fd: number,
    offset: number,
    length: number,
    flags: number,
    iov: Uint32Array | null,
    iovAt: number,
    iovCount: number,
    hold: object | null,
    complete: (result: number) => void,
  ): void;

  /** Fills `out` as FILE_FACTS below says. Returns 0 or −errno. */
  fileFacts(fd: number, out: Float64Array): number;
  /** Fills `out` as BLOCK_FACTS says. Returns 0 or −errno (ENOTTY: not a block device). */
  blockFacts(fd: number, out: Float64Array): number;
  /** Pages of [offset, offset+length) in the page cache: cachestat(2), Linux 6.5. −ENOSYS on older kernels. */
  cachedPages(fd: number, offset: number, length: number): number;

  /** io_uring_setup and the mappings. Throws an Error with `code` (EPERM, ENOSYS, ENOMEM …) and `syscall`. `wake` is
   * called on the loop, as a callback of its own, after completions were signalled through the eventfd. */
  ringCreate(entries: number, completionEntries: number, flags: number, wake: () => void): NativeRing;
}

export interface NativeRing {
  readonly fd: number;
  readonly features: number;
  /** sq ring, cq ring (may be one mapping) and the SQEs; offsets are io_sqring_offsets and io_cqring_offsets as u32s. */
  readonly sqRing: ArrayBuffer;
  readonly cqRing: ArrayBuffer;
  readonly sqes: ArrayBuffer;
  readonly sqOffsets: Uint32Array;
  readonly cqOffsets: Uint32Array;
  readonly sqEntries: number;
  readonly cqEntries: number;
  /** io_uring_enter: the number taken, or −errno. */
  enter(toSubmit: number, minComplete: number, flags: number): number;
  /** Keeps the event loop alive (true) or not. */
  hold(held: boolean): void;
  /** Opcodes that the kernel supports: one byte each, 1 if supported. */
  probe(): Uint8Array;
  /** Waits until nothing is in flight, then unmaps and closes. At worker exit the same happens by itself. */
  close(): void;
}

/** What fileFacts writes, by index. A value that the kernel did not give is −1. */
export const FILE_FACTS = {
  /** stx_mode. */
  mode: 0,
  /** stx_size. */
  bytes: 1,
  /** stx_blksize. */
  blockBytes: 2,
  devMajor: 3,
  devMinor: 4,
  rdevMajor: 5,
  rdevMinor: 6,
  /** stx_ino. Inode numbers above 2^53 are rounded: see inodeLow and inodeHigh. */
  inodeLow: 7,
  inodeHigh: 8,
  /** STATX_DIOALIGN: both 0 where the kernel says that the file cannot do direct I/O; −1 where it does not say. */
  dioMemoryAlign: 9,
  dioOffsetAlign: 10,
  /** STATX_DIO_READ_ALIGN, Linux 6.16 (−1 or 0: as dioOffsetAlign). */
  dioReadOffsetAlign: 11,
  /** f_type of statfs(2), as an unsigned number. */
  fsType: 12,
  /** FS_IOC_GETFLAGS, for FS_NOCOW_FL and FS_JOURNAL_DATA_FL. */
  fsFlags: 13,
  /** f_bsize of statfs. */
  fsBlockBytes: 14,
  /** f_bavail × f_frsize. */
  fsFreeBytes: 15,
} as const;
export const FILE_FACTS_LENGTH = 16;

/** What blockFacts writes, by index. */
export const BLOCK_FACTS = {
  bytes: 0,
  logicalBlockBytes: 1,
  physicalBlockBytes: 2,
  readOnly: 3,
  ioMinBytes: 4,
  ioOptBytes: 5,
} as const;
export const BLOCK_FACTS_LENGTH = 6;
