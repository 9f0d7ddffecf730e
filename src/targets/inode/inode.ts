// What all handles of this thread share about one inode: poison, what is not yet synced, and who rewrites which blocks.
import { type DioriteError, type Extent, errors } from '../../base/errors.js';
import { RangeLock } from './range-lock.js';
import { RangeSet } from './range-set.js';

/** Bounded by the design: at most so many extents of unsynced writes, then one around all. */
const UNSYNCED_EXTENTS_MAX = 1024;

export class Inode {
  readonly key: string;
  handles = 0;
  readonly lock: RangeLock = new RangeLock();
  /** Written and answered since the last good sync. */
  readonly unsynced: RangeSet = new RangeSet(UNSYNCED_EXTENTS_MAX);
  #poison: DioriteError | null = null;
  #syncing: Promise<unknown> = Promise.resolve();

  constructor(key: string) {
    this.key = key;
  }

  /**
   * After a failed fsync the kernel has marked the pages clean: the next fsync would say that all is well, and reads
   * would be answered from pages that never reached the disk. So nothing more is believed until all handles are closed.
   */
  poison(cause: DioriteError): void {
    this.#poison ??= cause;
  }

  /** Throws where a sync of this inode has failed. */
  check(path: string): void {
    if (this.#poison === null) return;
    const message = `${path}: an earlier sync of this file failed (${this.#poison.code}); close all its handles and verify it`;
    throw errors.make('ERR_DIORITE_POISONED', message, { path, cause: this.#poison });
  }

  /**
   * Syncs of one inode run one after the other. Of several fsyncs at once the kernel tells only one that writes were lost,
   * and the others would say that all is well.
   */
  oneSyncAtATime<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#syncing.then(work);
    this.#syncing = turn.catch(() => {}); // whoever asked for it gets the error; the next begins with `check`
    return turn;
  }

  unsyncedExtents(): Extent[] {
    return this.unsynced.ranges().map((range) => ({ ...range, state: 'unknown' }));
  }
}

const inodes = new Map<string, Inode>();

export function openInode(key: string): Inode {
  let inode = inodes.get(key);
  if (inode === undefined) {
    inode = new Inode(key);
    inodes.set(key, inode);
  }
  inode.handles++;
  return inode;
}

export function closeInode(inode: Inode): void {
  inode.handles--;
  if (inode.handles === 0) inodes.delete(inode.key);
}
