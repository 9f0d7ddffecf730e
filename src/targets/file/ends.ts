// The ends of an unaligned write: through the page cache beside the direct body, or rewritten under a lock.
//
//      write      100 ............................ 9000
//      page       |----0----|----4096----|----8192----|
//                      [end )[   direct   )[ end )           each end lies within one page (or block, if larger)
//
// Buffered ends: the kernel merges them into their page under its own lock, so what others write beside them survives,
// and the size is never wrong in between. Pages dirtied so are written back and dropped at sync and close.
import { fstat } from 'node:fs';
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import { alignDown, alignUp } from '../../base/integers.js';
import { hostPages } from '../../memory/pages.js';
import { Region } from '../../memory/region.js';
import { SegmentList } from '../../plan/request.js';
import { EIO } from '../../transfer/errno.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { Request } from '../../transfer/request.js';
import type { Inode } from '../inode/inode.js';
import { withRange } from '../inode/range-lock.js';
import { RangeSet } from '../inode/range-set.js';
import type { Descriptors } from './descriptors.js';
import { type Engine, Op, RWF_DSYNC } from './engines/engine.js';
import { run } from './run.js';

export interface EndWriterInput {
  readonly target: {
    endCompleted(request: Request, result: number): void;
    endFailed(request: Request, error: unknown): void;
  };
  readonly descriptors: Descriptors;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly inode: Inode;
  /** io: 'direct': no page cache, so blocks are read, changed and written back under the inode's range lock. */
  readonly rewrite: boolean;
}

/** Pages of ends that wait for sync or close; past it, all are written back around. */
const DIRTY_RANGES_MAX = 1024;

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
    if (!this.#input.rewrite) void this.#carryOut(request, () => this.#buffered(request));
    else this.#rewriting = this.#rewriting.then(() => this.#carryOut(request, () => this.#rewrite(request)));
  }

  /** Never rejects: whatever is thrown on the way is the request's error. */
  async #carryOut(request: Request, work: () => Promise<number>): Promise<void> {
    const { target } = this.#input;
    let result: number;
    try {
      result = await work();
    } catch (error) {
      target.endFailed(request, error);
      return;
    }
    target.endCompleted(request, result);
  }

  #buffered(request: Request): Promise<number> {
    const { endAlignment } = this.#input.facts;
    const start = alignDown(request.offset, endAlignment.value);
    const end = alignUp(request.offset + request.bytes, endAlignment.value);
    const range = { start, end, kind: 'buffered' } as const;
    return withRange(this.#input.inode.lock, range, () => this.#writeBuffered(request));
  }

  async #writeBuffered(request: Request): Promise<number> {
    const { descriptors, engine } = this.#input;
    request.viaCache = true;
    const result = await run(engine, {
      op: Op.WRITE,
      fd: descriptors.fd,
      offset: request.offset,
      length: request.bytes,
      flags: this.#durably(request),
      segments: reachable(request, engine),
      buffered: true,
    });
    if (result > 0) this.#dirty.add(request.offset, result);
    return result;
  }

  #durably(request: Request): number {
    return request.dsync && this.#input.engine.supports(Op.WRITE, RWF_DSYNC) ? RWF_DSYNC : 0;
  }

  /**
   * Reads the blocks that the end lies in, lays the new bytes over them and writes them back. Where the last block passes
   * the end of the file it goes through the cache after all, and is evicted at once: a whole block would make the file too
   * long, and cutting it back would cut off what others append.
   */
  #rewrite(request: Request): Promise<number> {
    const { facts, inode } = this.#input;
    const block = facts.writeAlignment.value;
    const start = alignDown(request.offset, block);
    const end = alignUp(request.offset + request.bytes, block);
    return withRange(inode.lock, { start, end, kind: 'alone' }, async () => {
      const size = await this.#size();
      if (size < 0) return size;
      if (end <= size) return this.#rewriteBlocks(request, start, end);
      const result = await this.#writeBuffered(request);
      if (result <= 0) return result;
      const failed = await this.evict(request.offset, result, true);
      return failed < 0 ? failed : result;
    });
  }

  async #rewriteBlocks(request: Request, start: number, end: number): Promise<number> {
    const { descriptors, engine, facts } = this.#input;
    const fd = descriptors.direct;
    assert(fd !== null, 'a rewrite has its direct descriptor');
    this.#scratch ??= new Region(Math.max(facts.endAlignment.value, facts.writeAlignment.value));
    const bytes = new Uint8Array(this.#scratch.buffer, 0, end - start);
    const segments = new SegmentList();
    segments.push(this.#scratch.buffer, 0, end - start, true);
    const command = { fd, offset: start, length: end - start, segments };
    const read = await run(engine, { ...command, op: Op.READ });
    if (read < 0) return read;
    if (read < end - start) return EIO;
    overlay(request, bytes, request.offset - start);
    request.touchedOffset = start;
    request.touchedBytes = end - start;
    request.extraRequests = 1;
    request.extraCopiedBytes = request.bytes;
    const written = await run(engine, { ...command, op: Op.WRITE, flags: this.#durably(request) });
    if (written < 0) return written;
    return written < end - start ? EIO : request.bytes;
  }

  #size(): Promise<number> {
    const { descriptors, facts } = this.#input;
    if (facts.kind === 'block') return Promise.resolve(facts.deviceBytes);
    return new Promise((resolve) => {
      fstat(descriptors.fd, (error, stats) => resolve(error === null ? stats.size : (error.errno ?? EIO)));
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

/** The caller's bytes over the block, at `at`. Throws where they were detached meanwhile; nothing was sent then. */
function overlay(request: Request, block: Uint8Array, at: number): void {
  const { segments } = request;
  let cursor = at;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i];
    assert(buffer != null, 'an end has its memory');
    const length = segments.length[i] ?? 0;
    const byteOffset = segments.byteOffset[i] ?? 0;
    if (byteOffset + length > buffer.byteLength) {
      throw errors.make('ERR_DIORITE_DETACHED', 'The memory was detached or made shorter while it was written');
    }
    block.set(new Uint8Array(buffer, byteOffset, length), cursor);
    cursor += length;
  }
}
