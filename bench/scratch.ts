// The files that are measured: random bytes on the disk, and what the page cache holds of them.
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../src/memory/addon.js';

export const MIB: number = 1024 * 1024;
const PIECE_BYTES = 8 * MIB;
const MEMORY_FILE_SYSTEMS = new Set([0x01021994, 0x858458f6]);

/** A directory of this run's own, removed at the end, and when the run is interrupted. */
export function makeScratch(parent: string): { readonly directory: string; readonly remove: () => void } {
  mkdirSync(parent, { recursive: true });
  if (MEMORY_FILE_SYSTEMS.has(statfsSync(parent).type)) {
    throw new Error(`${parent} lies in memory: give a directory on a disk (--dir DIR)`);
  }
  const directory = mkdtempSync(join(parent, 'bench-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Whatever ends this process: an uncaught exception too.
  process.once('exit', remove);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  return { directory, remove };
}

/** Random bytes: nothing on the way can compress them, share them or leave them out. Durable and out of the page cache. */
export function writeRandomFile(path: string, bytes: number): void {
  const fd = openSync(path, 'wx');
  try {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes));
    for (let written = 0; written < bytes; ) {
      const part = piece.subarray(0, Math.min(piece.length, bytes - written));
      randomFillSync(part);
      written += writeSync(fd, part);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  evict(path);
}

/** Nothing of the file in the page cache: with `iflag=nocache count=0` dd drops all that is clean, and reads nothing. */
export function evict(path: string): void {
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

/** What the file systems still owe the disk is written, so that nobody pays for who came before. */
export function settle(path: string): void {
  execFileSync('sync', ['-f', path]);
}

/** Pages of the file in the page cache; NaN where neither cachestat(2) nor fincore(1) can tell. */
export function cachedPages(path: string): number {
  const addon = loadAddon();
  if (addon !== null) {
    const fd = openSync(path, 'r');
    try {
      const pages = addon.cachedPages(fd, 0, fstatSync(fd).size);
      if (pages >= 0) return pages;
    } finally {
      closeSync(fd);
    }
  }
  try {
    return Number(execFileSync('fincore', ['--noheadings', '--output', 'PAGES', path], { encoding: 'utf8' }));
  } catch {
    return Number.NaN; // not installed: the row says so
  }
}
