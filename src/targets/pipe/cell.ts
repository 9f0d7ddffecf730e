// A cell: a pipe of our own that holds pages on their way, so that the stream is free while a disk works on them.
//
// The kernel keeps a pipe locked while it splices between it and a disk; whoever is at the other end of it waits. Moved
// to a cell first, which takes no copy, a megabyte is written while the next one arrives.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { PAGE_SIZE } from '../../base/integers.js';
import { type Addon, loadAddon } from '../../memory/addon.js';
import { isReady, POLLOUT } from './readiness.js';

/** fs.pipe-max-size: what anybody may ask for, unless it was changed. proc_sys_fs(5). */
export const CELL_BYTES: number = 1024 * 1024;
/** Less than the kernel's default is what a user gets who has too much in pipes (fs.pipe-user-pages-soft): no use then. */
const CELL_BYTES_MIN = 64 * 1024;

export class Cell {
  readonly readFd: number;
  readonly writeFd: number;
  readonly capacity: number;
  /** What it holds. */
  bytes = 0;

  private constructor(readFd: number, writeFd: number, capacity: number) {
    this.readFd = readFd;
    this.writeFd = writeFd;
    this.capacity = capacity;
  }

  /** Or why there can be none. */
  static make(): Cell | string {
    const addon = loadAddon();
    if (addon === null) return 'no addon';
    const out = new Int32Array(2);
    const result = addon.pipeCreate(out);
    const [readFd = -1, writeFd = -1] = out;
    if (result < 0) return `pipe2: ${nameOf(result)}`;
    const cell = new Cell(readFd, writeFd, largest(addon, writeFd));
    if (cell.capacity >= CELL_BYTES_MIN) return cell;
    cell.close();
    return 'this user has too much in pipes (fs.pipe-user-pages-soft)';
  }

  /**
   * It is full of whole pages, as far as anybody can tell. Most slots hold a page at most, but what a program spliced from
   * a socket may be larger, and begin anywhere. So its bytes must be as many as its slots are pages, and no slot free:
   *
   *      256 slots, none free, 1,048,576 bytes     every slot holds 4,096 bytes from the start of its page
   *      256 slots, none free, 1,048,575 bytes     one of them does not, and which one nobody tells
   *      256 slots, 216 free,  1,048,576 bytes     pieces of a socket's, 26 KiB each
   */
  get isWhole(): boolean {
    return this.bytes === this.capacity && !isReady(this.writeFd, POLLOUT);
  }

  close(): void {
    closeSync(this.readFd);
    closeSync(this.writeFd);
  }
}

/** As much as this user may have, in bytes: whole slots. */
function largest(addon: Addon, fd: number): number {
  for (let bytes = CELL_BYTES; bytes > CELL_BYTES_MIN; bytes /= 2) {
    const result = addon.pipeSize(fd, bytes);
    if (result >= bytes) return result;
  }
  const given = addon.pipeSize(fd, 0);
  return given - (given % PAGE_SIZE);
}

/** `EPERM` of −1. */
export function nameOf(result: number): string {
  for (const [name, number] of Object.entries(constants.errno)) if (number === -result) return name;
  return `errno ${-result}`;
}
