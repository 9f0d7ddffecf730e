// Discovery: what a file, and what lies under it, asks of direct I/O; and where each answer was learnt.
import { readFileSync, type StatsFs, statfsSync } from 'node:fs';
import { isPowerOfTwo, PAGE_SIZE } from '../../base/integers.js';
import { BLOCK_FACTS, BLOCK_FACTS_LENGTH, FILE_FACTS, FILE_FACTS_LENGTH, loadAddon } from '../../memory/addon.js';
import type { AtomicWriteFacts, FileFacts, Learnt } from '../../transfer/facts.js';
import { btrfsBuffersWrites, fileSystemOf } from './knowledge.js';

/** What stat gives without the addon. */
export interface StatLike {
  readonly dev: number;
  readonly ino: number;
  readonly rdev: number;
  readonly mode: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isBlockDevice(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isCharacterDevice(): boolean;
}

/** A page is aligned for every device there is; what cannot be learnt is taken to need one. */
const ASSUMED: Learnt = { value: PAGE_SIZE, from: 'assumed' };

/** Device numbers as glibc's makedev lays them out. */
export function splitDevice(dev: number): { major: number; minor: number } {
  const bits = BigInt(dev);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}

export function discover(fd: number, path: string, stats: StatLike, isTerminal: boolean): FileFacts {
  const raw = rawFacts(fd, path);
  const kind = kindOf(stats, isTerminal);
  const device = splitDevice(kind === 'block' ? stats.rdev : stats.dev);
  const fs = fileSystemOf(raw.fsMagic);
  const block = kind === 'block' ? blockDevice(fd, device) : null;
  const fallback = block?.alignment ?? sysfsAlignment(device, 'logical_block_size') ?? ASSUMED;
  const write = learnt(raw.dioOffset, fallback);
  const read = learnt(raw.dioReadOffset, write);
  const memory = misreports(device) ? ASSUMED : learnt(raw.dioMemory, dmaAlignment(device) ?? fallback);
  return {
    kind,
    fsName: kind === 'block' ? 'block device' : fs.name,
    fsMagic: raw.fsMagic,
    device,
    deviceBytes: block?.bytes ?? 0,
    inodeKey: kind === 'block' ? `block ${device.major}:${device.minor}` : `${stats.dev}:${raw.inode ?? stats.ino}`,
    memoryAlignment: memory,
    readAlignment: read,
    writeAlignment: write,
    endAlignment: endAlignment(kind, fs.blocksAreFsBlocks ? raw.fsBlockBytes : 0, write.value),
    notDirect: notDirect(kind, raw, fs),
    freeBytes: raw.freeBytes,
    atomicWrite: raw.atomicWrite,
  };
}

interface RawFacts {
  readonly dioMemory: number;
  readonly dioOffset: number;
  readonly dioReadOffset: number;
  readonly fsMagic: number;
  readonly fsFlags: number;
  readonly fsBlockBytes: number;
  readonly freeBytes: number;
  readonly atomicWrite: AtomicWriteFacts | null;
  readonly inode: string | null;
}

function rawFacts(fd: number, path: string): RawFacts {
  const addon = loadAddon();
  if (addon === null) return portableFacts(path);
  const out = new Float64Array(FILE_FACTS_LENGTH).fill(-1);
  const result = addon.fileFacts(fd, out);
  if (result < 0) return portableFacts(path);
  const at = (index: number): number => out[index] ?? -1;
  return {
    dioMemory: at(FILE_FACTS.dioMemoryAlign),
    dioOffset: at(FILE_FACTS.dioOffsetAlign),
    dioReadOffset: at(FILE_FACTS.dioReadOffsetAlign),
    fsMagic: at(FILE_FACTS.fsType),
    fsFlags: at(FILE_FACTS.fsFlags),
    fsBlockBytes: at(FILE_FACTS.fsBlockBytes),
    freeBytes: at(FILE_FACTS.fsFreeBytes),
    atomicWrite: atomicWriteOf(
      at(FILE_FACTS.atomicMinBytes),
      at(FILE_FACTS.atomicMaxBytes),
      at(FILE_FACTS.atomicSegmentsMax),
    ),
    inode: `${at(FILE_FACTS.inodeHigh)}.${at(FILE_FACTS.inodeLow)}`,
  };
}

function atomicWriteOf(minBytes: number, maxBytes: number, segmentsMax: number): AtomicWriteFacts | null {
  if (!isPowerOfTwo(minBytes) || !isPowerOfTwo(maxBytes)) return null;
  return { minBytes, maxBytes, segmentsMax: Math.max(1, segmentsMax) };
}

/** Without the addon statx's word is out of reach: node:fs gives statfs, sysfs gives the device. */
function portableFacts(path: string): RawFacts {
  const stat = statfsOf(path);
  return {
    dioMemory: -1,
    dioOffset: -1,
    dioReadOffset: -1,
    fsMagic: stat?.type ?? 0,
    fsFlags: -1,
    fsBlockBytes: stat?.bsize ?? 0,
    freeBytes: stat === null ? -1 : stat.bavail * stat.bsize,
    atomicWrite: null,
    inode: null,
  };
}

function statfsOf(path: string): StatsFs | null {
  try {
    return statfsSync(path);
  } catch {
    return null; // Unlinked or renamed since it was opened: nothing is known of its file system then.
  }
}

function kindOf(stats: StatLike, isTerminal: boolean): FileFacts['kind'] {
  if (stats.isDirectory()) return 'directory';
  if (stats.isBlockDevice()) return 'block';
  if (stats.isFIFO() || stats.isSocket() || isTerminal) return 'stream';
  return stats.isCharacterDevice() ? 'char' : 'file';
}

function learnt(fromStatx: number, fallback: Learnt): Learnt {
  return fromStatx > 0 && isPowerOfTwo(fromStatx) ? { value: fromStatx, from: 'statx' } : fallback;
}

function endAlignment(kind: FileFacts['kind'], fsBlockBytes: number, offsetAlignment: number): Learnt {
  const atLeast = Math.max(PAGE_SIZE, offsetAlignment);
  if (kind === 'file' && isPowerOfTwo(fsBlockBytes) && fsBlockBytes > atLeast) {
    return { value: fsBlockBytes, from: 'file system' };
  }
  return { value: atLeast, from: 'assumed' };
}

function notDirect(
  kind: FileFacts['kind'],
  raw: RawFacts,
  fs: ReturnType<typeof fileSystemOf>,
): FileFacts['notDirect'] {
  const both = (reason: string): FileFacts['notDirect'] => ({ read: reason, write: reason });
  if (kind === 'char' || kind === 'directory') return both('not a file or block device');
  // A stream has no page cache in between.
  if (kind === 'block' || kind === 'stream') return { read: null, write: null };
  if (raw.dioMemory === 0 || raw.dioOffset === 0) {
    return both('the kernel says that this file does no direct I/O (statx: alignment 0)');
  }
  if (fs.direct === 'cache') return both(`${fs.name} lives in the page cache`);
  if (fs.direct === 'checksums' && btrfsBuffersWrites(raw.fsFlags)) {
    return { read: null, write: 'btrfs buffers direct writes of files with checksums' };
  }
  return { read: null, write: null };
}

function blockDevice(fd: number, device: { major: number; minor: number }): { alignment: Learnt; bytes: number } {
  const out = new Float64Array(BLOCK_FACTS_LENGTH).fill(-1);
  const addon = loadAddon();
  if (addon !== null && addon.blockFacts(fd, out) >= 0) {
    const logical = out[BLOCK_FACTS.logicalBlockBytes] ?? -1;
    return { alignment: learnt(logical, ASSUMED), bytes: out[BLOCK_FACTS.bytes] ?? 0 };
  }
  const sectors = Number(sysfs(device, 'size') ?? '0');
  return { alignment: sysfsAlignment(device, 'logical_block_size') ?? ASSUMED, bytes: sectors * 512 };
}

/**
 * zram says 512 (dma_alignment 511, and statx repeats it) and ignores where in its page the memory begins: a direct read
 * into such memory overwrites what lies beside it (measured on Linux 6.18). Whole pages are safe.
 */
function misreports(device: { major: number; minor: number }): boolean {
  return /^DEVNAME=zram/m.test(sysfs(device, 'uevent') ?? '');
}

/** Documentation/ABI/stable/sysfs-block: dma_alignment is a mask, 511 for 512-byte alignment. */
function dmaAlignment(device: { major: number; minor: number }): Learnt | null {
  const mask = Number(queue(device, 'dma_alignment') ?? Number.NaN);
  return isPowerOfTwo(mask + 1) ? { value: mask + 1, from: 'sysfs' } : null;
}

function sysfsAlignment(device: { major: number; minor: number }, name: string): Learnt | null {
  const bytes = Number(queue(device, name) ?? Number.NaN);
  return isPowerOfTwo(bytes) ? { value: bytes, from: 'sysfs' } : null;
}

/** An attribute of the device's queue; a partition has its disk's. Null where there is none (network, memory). */
export function queue(device: { major: number; minor: number }, name: string): string | null {
  return sysfs(device, `queue/${name}`) ?? sysfs(device, `../queue/${name}`);
}

export function sysfs(device: { major: number; minor: number }, name: string): string | null {
  try {
    return readFileSync(`/sys/dev/block/${device.major}:${device.minor}/${name}`, 'utf8').trim();
  } catch {
    return null; // Not a block device, or no sysfs: the caller falls back to what is safe.
  }
}
