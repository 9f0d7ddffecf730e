// What is known of file systems that they do not say themselves. Each line has its source.
import { release } from 'node:os';

/** How a file system treats O_DIRECT beyond what statx says. */
export interface FileSystem {
  readonly name: string;
  /** `cache`: takes O_DIRECT and buffers nevertheless. `checksums`: buffers writes of files with checksums. */
  readonly direct: 'yes' | 'cache' | 'checksums';
  /** Its blocks are what f_bsize says (on network file systems that is a transfer size instead). */
  readonly blocksAreFsBlocks: boolean;
}

const local = (name: string): FileSystem => ({ name, direct: 'yes', blocksAreFsBlocks: true });
const remote = (name: string): FileSystem => ({ name, direct: 'yes', blocksAreFsBlocks: false });
const cached = (name: string): FileSystem => ({ name, direct: 'cache', blocksAreFsBlocks: false });

/** f_type of statfs(2): linux/magic.h. */
const BY_MAGIC = new Map<number, FileSystem>([
  [0xef53, local('ext4')],
  [0x58465342, local('xfs')],
  [0xf2f52010, local('f2fs')],
  [0xca451a4e, local('bcachefs')],
  // Since 6.15 a write to a file with data checksums goes through the page cache, without a word to the program.
  [0x9123683e, { name: 'btrfs', direct: 'checksums', blocksAreFsBlocks: true }],
  // Opens with O_DIRECT since 6.6 and has nothing but the page cache.
  [0x01021994, cached('tmpfs')],
  [0x858458f6, cached('ramfs')],
  [0x9fa0, cached('proc')],
  [0x62656572, cached('sysfs')],
  [0x73717368, cached('squashfs')],
  [0x794c7630, remote('overlayfs')],
  [0x65735546, remote('fuse')],
  [0x6969, remote('nfs')],
  [0x01021997, remote('9p')],
  [0xff534d42, remote('cifs')],
  [0x00c36400, remote('ceph')],
  [0x2fc12fc1, remote('zfs')],
]);

const UNKNOWN: FileSystem = { name: 'unknown', direct: 'yes', blocksAreFsBlocks: false };

export function fileSystemOf(magic: number): FileSystem {
  return BY_MAGIC.get(magic) ?? UNKNOWN;
}

/** FS_NOCOW_FL, linux/fs.h: on btrfs such a file has no checksums either. */
const FS_NOCOW_FL = 0x00800000;

/** Whether this kernel's btrfs buffers direct writes of a file with these FS_IOC_GETFLAGS (−1: not known). */
export function btrfsBuffersWrites(fsFlags: number, kernelRelease: string = release()): boolean {
  if (fsFlags >= 0 && Math.floor(fsFlags / FS_NOCOW_FL) % 2 === 1) return false;
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  return major > 6 || (major === 6 && minor >= 14);
}
