// The addon's interface, and how it is found. Only memory/ and targets/ use it; without it everything has a slow way.
import { createRequire } from 'node:module';

/** What native/ exports. Numbers that may pass 2^31 are doubles; a result below 0 is −errno. */
export interface Addon {
  /** Page-aligned, pre-faulted, zeroed memory, owned natively: it is unmapped when both the buffer and the handle are
   * gone. The handle is what in-flight work holds: it keeps the memory though the buffer is detached. Throws ENOMEM. */
  regionCreate(bytes: number): { buffer: ArrayBuffer; handle: object };
  /** Detaches a region's buffer: its views have length 0 from now on. The memory stays until the handle goes too. */
  regionDetach(buffer: ArrayBuffer): void;
  /** The handle keeps nothing from now on. Only where nothing in flight uses the memory. */
  regionRelease(handle: object): void;
  /** Bytes of regions that are mapped now, in the whole process. */
  regionBytes(): number;
  /** The address of the buffer's first byte; 0 for an empty or detached one. */
  addressOf(buffer: ArrayBufferLike): number;

  /**
   * Runs an operation of engine.ts's table `Op` on the thread pool. `iov`: for READ and WRITE `iovCount` entries of
   * four 32-bit words from word `iovAt` (address low, high, length low, high: struct iovec on 64-bit little-endian),
   * copied before this returns. `hold` is kept alive until `complete(result)` has been called. An offset of −1 reads or
   * writes at the descriptor's own position (pipes). SEEK_DATA, SEEK_HOLE and SEEK move that position. VMSPLICE
   * takes `iov` as well, and PUMP takes one entry that is no memory: see Splices.pump. `from`: of SPLICE, SPLICE_FROM, TEE and PUMP, the
   * descriptor that bytes come from.
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
    from?: number,
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

  /** pipe2(O_CLOEXEC): out[0] is read from, out[1] is written to. Returns 0 or −errno. */
  pipeCreate(out: Int32Array): number;
  /** How many bytes a pipe takes, after it was asked to take `bytes` (0: as many as it does). −errno: EPERM beyond
   * fs.pipe-max-size, EBUSY below what it holds, EBADF for what is no pipe. */
  pipeSize(fd: number, bytes: number): number;
  /** FIONREAD: bytes that can be read now; or −errno. */
  bytesWaiting(fd: number): number;
  /** poll(2) without waiting: POLL* bits, or −errno. Takes no lock of the pipe, so that it never waits for its users. */
  pollNow(fd: number, events: number): number;
  /** CRC-32C's remainder after `bytes`, inverted neither before nor after. Only where the CPU has an instruction for it. */
  crc32c?(remainder: number, bytes: Uint8Array): number;

  /** A pidfd of any process, or −errno. It is readable once the process has ended. */
  processOpen(pid: number): number;
  /** How it ended, as wait(2) told its parent. −EAGAIN: its parent has not asked, or it has not ended; −errno: Linux before 6.15. */
  processStatus(pidfd: number): number;

  /** Calls back once per `arm`, when any of its events has come. Throws EMFILE, ENFILE, ENOMEM. */
  waiterCreate(fd: number, callback: (events: number) => void): NativeWaiter;

  /** A TCP socket for the ring, from this port unless that is 0. Throws an Error with `code` and `syscall`. */
  socketOpen(family: 4 | 6, localPort: number): number;
  /** Where it comes from, or −errno. */
  socketPort(fd: number): number;
  /** TCP_INFO: how many bytes have come (out[0]), and how many of those sent the other end has (out[1]). Returns 0 or −errno. */
  socketBytes(fd: number, out: Float64Array): number;
  /** Returns 0 or −errno. `reset`: its port is free at once. Only where nothing of it is in flight. */
  socketClose(fd: number, reset: boolean): number;

  /** Of librados, where it is installed. Throws an Error with `code` (ENOENT) that says why it cannot be used. */
  radosVersion(): string;
  /**
   * `strings`, each with a 0 behind it: the user without `client.`, the configuration file (empty: where Ceph's tools
   * look), then options and their values. Gives what the other calls take; it is connected once `complete(0)` was called.
   */
  radosOpen(strings: Uint8Array, complete: (result: number) => void): NativeRados;
  /** Nothing is in flight, or it is not answered any more. */
  radosClose(client: NativeRados, complete: (result: number) => void): void;
  /**
   * `strings`: the namespace and the object's name, each with a 0 behind it. `steps`: four numbers each (see
   * native-steps.ts), whose memory `hold` keeps, as it does the client. `out`: three numbers for each step, written
   * before `complete(result, version, names)`: its result, its bytes, a time in seconds.
   */
  radosOperate(
    client: NativeRados,
    pool: number,
    strings: Uint8Array,
    writes: boolean,
    steps: Float64Array,
    out: Float64Array,
    hold: object,
    complete: (result: number, version: bigint, names: Uint8Array | undefined) => void,
  ): void;
}

/** A session of librados. */
export type NativeRados = object & { readonly nativeRados: never };

/** Waits for a descriptor without O_NONBLOCK, which would change it for every process that shares it. */
export interface NativeWaiter {
  /** EPOLL* bits, level-triggered; 0: no longer. Keeps the event loop alive until it calls back. Returns 0 or −errno
   * (EPERM: a kind of file that is always ready). */
  arm(events: number): number;
  close(): void;
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
  /**
   * Takes back the request of this user_data, and waits until the kernel is done with its memory; its completion comes
   * later. 0, or −errno: ENOENT (it is done already), EALREADY, EINVAL (Linux before 6.0).
   */
  cancel(low: number, high: number): number;
  /** Opcodes that the kernel supports: one byte each, 1 if supported. */
  probe(): Uint8Array;
  /** An empty table of so many registered buffers, once per ring: Linux 5.19. 0 or −errno. */
  buffers(count: number): number;
  /**
   * Pins all of the buffer as entry `index` of the table, which READ_FIXED and WRITE_FIXED then name; null empties the
   * entry, and the pages are let go of when nothing in flight uses them. −errno: ENOMEM beyond RLIMIT_MEMLOCK.
   */
  setBuffer(index: number, buffer: ArrayBuffer | null): number;
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
  /** STATX_WRITE_ATOMIC, Linux 6.11: stx_atomic_write_unit_min, _max and stx_atomic_write_segments_max; 0 or −1: none. */
  atomicMinBytes: 16,
  atomicMaxBytes: 17,
  atomicSegmentsMax: 18,
} as const;
export const FILE_FACTS_LENGTH = 19;

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

/** What files need of Addon: one that lacks any is an older build and is not used. */
const FUNCTIONS: readonly (keyof Addon)[] = [
  'regionCreate',
  'regionDetach',
  'regionRelease',
  'regionBytes',
  'addressOf',
  'job',
  'fileFacts',
  'blockFacts',
  'cachedPages',
  'ringCreate',
  'pipeCreate',
  'pipeSize',
  'bytesWaiting',
  'pollNow',
  'waiterCreate',
  'processOpen',
  'processStatus',
];

type Loaded = { readonly addon: Addon; readonly problem: null } | { readonly addon: null; readonly problem: string };

/** One per isolate: this module is loaded anew in each worker, and so is the addon's state. */
let loaded: Loaded | undefined;

/**
 * The addon, loaded at the first call; null where there is none. It is looked for as built beside the sources
 * (build/Release), then as shipped (prebuilds/linux-x64.node). The environment variable DIORITE_ADDON=off turns it off.
 */
export function loadAddon(): Addon | null {
  loaded ??= find();
  return loaded.addon;
}

/** Why there is no addon, as one clause; null where there is. */
export function addonProblem(): string | null {
  loaded ??= find();
  return loaded.problem;
}

function find(): Loaded {
  if (process.env.DIORITE_ADDON === 'off') return refused('it is turned off by DIORITE_ADDON=off');
  if (process.platform !== 'linux') return refused(`it is for Linux, and this is ${process.platform}`);
  const require = createRequire(import.meta.url);
  const places = ['build/Release/diorite.node', `prebuilds/${process.platform}-${process.arch}.node`];
  for (const place of places) {
    const found = tryLoad(require, place);
    if (found !== undefined) return found;
  }
  return refused(`it was not built (${places.join(', ')}); \`npm explore diorite -- npm run build:native\` does that`);
}

function refused(problem: string): Loaded {
  return { addon: null, problem };
}

/** Undefined: there is no such file, so the next place may have it. A file that does not load is never passed over. */
function tryLoad(require: NodeJS.Require, place: string): Loaded | undefined {
  const path = `../../../${place}`; // from dist/src/memory
  let found: unknown;
  try {
    found = require(path);
  } catch (error) {
    if (!(error instanceof Error)) return refused(`${place} did not load: ${String(error)}`);
    if ('code' in error && error.code === 'MODULE_NOT_FOUND') return undefined;
    return refused(`${place} did not load: ${error.message.split('\n', 1)[0]}`);
  }
  if (isAddon(found)) return { addon: found, problem: null };
  return refused(`${place} is of another version: build it again (npm run build:native)`);
}

function isAddon(value: unknown): value is Addon {
  if (typeof value !== 'object' || value === null) return false;
  const functions = new Map(Object.entries(value));
  return FUNCTIONS.every((name) => typeof functions.get(name) === 'function');
}
