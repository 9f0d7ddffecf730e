// The ends of an unaligned write: through the page cache beside the direct body, or rewritten under a lock.
//
//      write      100 ............................ 9000
//      page       |----0----|----4096----|----8192----|
//                      [end )[   direct   )[ end )           each end lies within one page (or block, if larger)
//
// Buffered ends: the kernel merges them into their page under its own lock, so what others write beside them survives,
// and the size is never wrong in between. Pages dirtied so are written back and dropped at sync and close.
import { fstat, ftruncate } from 'node:fs';
import { assert } from '../../base/assert.js';
import { alignDown, alignUp } from '../../base/integers.js';
import { hostPages } from '../../memory/pages.js';
import { Region } from '../../memory/region.js';
import { SegmentList } from '../../plan/request.js';
import type { Request } from '../../transfer/request.js';
import type { Descriptors } from './descriptors.js';
import { type Engine, Op, RWF_DSYNC } from './engines/engine.js';
import type { FileFacts } from './facts.js';
import type { Inode } from './inode.js';
import { RangeSet } from './range-set.js';
import { type Command, run } from './run.js';

export interface EndWriterInput {
  readonly target: { endCompleted(request: Request, result: number): void };
  readonly descriptors: Descriptors;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly inode: Inode;
  /** io: 'direct': no page cache, so blocks are read, changed and written back under the inode's range lock. */
  readonly rewrite: boolean;
}

/** Pages of ends that wait for sync or close; past it, all are written back around. */
const DIRTY_RANGES_MAX = 1024;
const EIO = -5;

export class EndWriter {
  readonly #input: EndWriterInput;
  readonly #dirty: RangeSet = new RangeSet(DIRTY_RANGES_MAX);
  #scratch: Region | null = null;
  /** One rewrite at a time: they share the scratch block. */
  #rewriting: Promise<void> = Promise.resolve();

  constructor(input: EndWriterInput) {
    this.#input = input;
  }

  submit(request: Request): void {
    assert(request.direction === 'write', 'only writes have ends');
    if (this.#input.rewrite) {
      this.#rewriting = this.#rewriting.then(() => this.#rewrite(request));
      return;
    }
    void this.#buffered(request);
  }

  async #buffered(request: Request): Promise<void> {
    const { descriptors, engine, inode, target } = this.#input;
    request.viaCache = true;
    const write = (): Promise<number> =>
      run(engine, {
        op: Op.WRITE,
        fd: descriptors.fd,
        offset: request.offset,
        length: request.bytes,
        flags: request.dsync && engine.supports(Op.WRITE, RWF_DSYNC) ? RWF_DSYNC : 0,
        segments: reachable(request, engine),
        buffered: true,
      });
    const locked = inode.rewriters > 0;
    const result = locked
      ? await this.#locked(request.offset, request.offset + request.bytes, false, write)
      : await write();
    if (result > 0) this.#dirty.add(request.offset, result);
    target.endCompleted(request, result);
  }

  /**
   * Reads the blocks that the end lies in, lays the new bytes over them and writes them back. Where the last block
   * passes the end of the file the write makes it too long, and it is cut back: nobody may write past here meanwhile.
   */
  async #rewrite(request: Request): Promise<void> {
    const { facts, target } = this.#input;
    const block = facts.writeAlignment.value;
    const start = alignDown(request.offset, block);
    const end = alignUp(request.offset + request.bytes, block);
    request.touchedOffset = start;
    request.touchedBytes = end - start;
    let size = 0;
    const result = await this.#locked(start, Number.POSITIVE_INFINITY, true, async () => {
      size = await this.#size();
      return size < 0 ? size : this.#rewriteBlocks(request, start, end, size);
    });
    // Beyond the old size there is nothing that the ledger could call unknown.
    request.touchedBytes = Math.max(Math.min(end, Math.max(size, request.offset + request.bytes)) - start, 1);
    target.endCompleted(request, result);
  }

  async #rewriteBlocks(request: Request, start: number, end: number, size: number): Promise<number> {
    const { descriptors, engine, facts } = this.#input;
    const fd = descriptors.direct;
    assert(fd !== null, 'a rewrite has its direct descriptor');
    this.#scratch ??= new Region(Math.max(facts.endAlignment.value, facts.writeAlignment.value));
    const bytes = new Uint8Array(this.#scratch.buffer, 0, end - start);
    bytes.fill(0);
    const segments = new SegmentList();
    segments.push(this.#scratch.buffer, 0, end - start, true);
    const command = { fd, offset: start, length: end - start, segments };
    if (start < size) {
      const read = await run(engine, { ...command, op: Op.READ });
      if (read < 0) return read;
      if (read < Math.min(end, size) - start) return EIO;
    }
    overlay(request, bytes, request.offset - start);
    const flags = request.dsync && engine.supports(Op.WRITE, RWF_DSYNC) ? RWF_DSYNC : 0;
    const write: Command = { ...command, op: Op.WRITE, flags };
    const written = await run(engine, write);
    if (written < 0) return written;
    if (written < end - start) return EIO;
    const wanted = Math.max(size, request.offset + request.bytes);
    if (facts.kind === 'file' && end > wanted) {
      const truncated = await this.#truncate(wanted);
      if (truncated < 0) return truncated;
    }
    return request.bytes;
  }

  #locked(start: number, end: number, alone: boolean, work: () => Promise<number>): Promise<number> {
    const { lock } = this.#input.inode;
    return new Promise((resolve) => {
      const claim = lock.take(start, end, alone, () => {
        // On the next tick: `claim` is known only after `take` has returned.
        queueMicrotask(() => {
          void work().then((result) => {
            lock.release(claim);
            resolve(result);
          });
        });
      });
    });
  }

  #size(): Promise<number> {
    const { descriptors, facts } = this.#input;
    if (facts.kind === 'block') return Promise.resolve(facts.deviceBytes);
    return new Promise((resolve) => {
      fstat(descriptors.fd, (error, stats) => resolve(error === null ? stats.size : (error.errno ?? EIO)));
    });
  }

  #truncate(size: number): Promise<number> {
    return new Promise((resolve) => {
      ftruncate(this.#input.descriptors.fd, size, (error) => resolve(error === null ? 0 : (error.errno ?? EIO)));
    });
  }

  /** Writes the range back if it was written, and drops it from the page cache. 0 or −errno. */
  async evict(offset: number, length: number, written: boolean): Promise<number> {
    const { descriptors, engine, facts } = this.#input;
    const { fd } = descriptors;
    // The kernel drops whole pages only, so the range is widened to them.
    const start = alignDown(offset, facts.endAlignment.value);
    const bytes = alignUp(offset + length, facts.endAlignment.value) - start;
    if (written && engine.supports(Op.WRITE_BACK)) {
      const result = await run(engine, { op: Op.WRITE_BACK, fd, offset: start, length: bytes, buffered: true });
      if (result < 0) return result;
    }
    if (!engine.supports(Op.DROP_CACHE)) return 0;
    return run(engine, { op: Op.DROP_CACHE, fd, offset: start, length: bytes, buffered: true });
  }

  /** Evicts the pages of all ends so far. The first −errno, or 0. */
  async drop(): Promise<number> {
    let failed = 0;
    for (const range of this.#dirty.take()) {
      const result = await this.evict(range.offset, range.length, true);
      if (failed === 0) failed = result;
    }
    return failed;
  }
}

/** Memory without a known address (shared, resizable) is copied for an engine that goes by addresses: an end is small. */
function reachable(request: Request, engine: Engine): SegmentList {
  const { segments } = request;
  if (!engine.addresses) return segments;
  const pages = hostPages();
  let unknown = false;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i];
    if (buffer != null && pages.offsetInPage(buffer) < 0) unknown = true;
  }
  if (!unknown) return segments;
  const copy = new Uint8Array(request.bytes);
  overlay(request, copy, 0);
  const copied = new SegmentList();
  copied.push(copy.buffer, 0, copy.length, true);
  return copied;
}

/** The caller's bytes over the block, at `at`. */
function overlay(request: Request, block: Uint8Array, at: number): void {
  const { segments } = request;
  let cursor = at;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i];
    assert(buffer != null, 'an end has its memory');
    const length = segments.length[i] ?? 0;
    block.set(new Uint8Array(buffer, segments.byteOffset[i] ?? 0, length), cursor);
    cursor += length;
  }
}
