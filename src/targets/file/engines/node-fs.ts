// The engine `threads` without the addon: node:fs only. No addresses, no RWF_ flags, no hole maps, no cache control.
import fs from 'node:fs';
import { constants } from 'node:os';
import { assert } from '../../../base/assert.js';
import type { SegmentList } from '../../../plan/request.js';
import { Bounded, resultOf } from './bounded.js';
import { type Engine, Op, type Operation } from './engine.js';
import { MAX_OPERATION_BYTES } from './iovecs.js';
import { movedBytes } from './pool.js';

const { EBADF, EFAULT, EINVAL, EOPNOTSUPP } = constants.errno;
const SEGMENTS_MAX = 1024;
const DEPTH = 128;
const ACTIVE_MAX = 64;

type Done = (result: number) => void;
type Callback = (error: NodeJS.ErrnoException | null, bytes?: number) => void;

export class NodeFsEngine implements Engine {
  readonly name = 'threads';
  readonly addresses = false;
  readonly maxSegments: number = SEGMENTS_MAX;
  readonly depth: number;
  readonly #queue: Bounded;

  constructor(depth: number = DEPTH, activeMax: number = ACTIVE_MAX) {
    this.depth = depth;
    this.#queue = new Bounded(depth, Math.min(activeMax, depth), start);
  }

  get inFlight(): number {
    return this.#queue.inFlight;
  }

  supports(op: Op, flags = 0): boolean {
    if (op === Op.READ || op === Op.WRITE) return flags === 0;
    return op === Op.FSYNC || op === Op.FDATASYNC;
  }

  submit(operation: Operation): boolean {
    assert(operation.segments === null || operation.segments.count <= SEGMENTS_MAX, 'at most maxSegments');
    assert(movedBytes(operation) <= MAX_OPERATION_BYTES, 'an operation moves at most what the kernel moves at once');
    return this.#queue.submit(operation);
  }

  onceDrained(callback: () => void): void {
    this.#queue.onceDrained(callback);
  }
}

function start(operation: Operation, done: Done): void {
  const callback: Callback = (error, bytes) => done(error ? resultOf(error, -EINVAL) : (bytes ?? 0));
  try {
    if (!begin(operation, callback)) process.nextTick(done, -EOPNOTSUPP);
  } catch (error) {
    // What node:fs refuses before it asks the kernel, as the kernel would have answered it.
    process.nextTick(done, operation.fd < 0 ? -EBADF : error instanceof Fault ? -EFAULT : resultOf(error, -EINVAL));
  }
}

/** False: this engine cannot do that. */
function begin(operation: Operation, callback: Callback): boolean {
  const { op, fd, offset, flags, segments } = operation;
  switch (op) {
    case Op.READ:
      if (flags !== 0) return false;
      fs.readv(fd, viewsOf(segments), positionOf(offset), callback);
      return true;
    case Op.WRITE:
      // libuv sends the vectors in batches and drops the error of a later batch: the count is short then, and true.
      if (flags !== 0) return false;
      fs.writev(fd, viewsOf(segments), positionOf(offset), callback);
      return true;
    case Op.FSYNC:
      fs.fsync(fd, callback);
      return true;
    case Op.FDATASYNC:
      fs.fdatasync(fd, callback);
      return true;
    default:
      return false;
  }
}

class Fault extends Error {}

const NOTHING = new Uint8Array(0);

function viewsOf(segments: SegmentList | null): Uint8Array[] {
  const views: Uint8Array[] = [];
  const count = segments === null ? 0 : segments.count;
  for (let i = 0; segments !== null && i < count; i++) {
    const buffer = segments.buffer[i];
    const byteOffset = segments.byteOffset[i] as number;
    const length = segments.length[i] as number;
    if (buffer === null || buffer === undefined || byteOffset + length > buffer.byteLength) throw new Fault('detached');
    views.push(new Uint8Array(buffer, byteOffset, length));
  }
  // One of length 0 asks the kernel (a closed descriptor is EBADF); an empty list would not.
  if (count === 0) views.push(NOTHING);
  return views;
}

/** −1: the file's own position, as preadv2(2) has it. */
function positionOf(offset: number): number | null {
  return offset < 0 ? null : offset;
}
