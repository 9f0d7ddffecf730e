// Staging: copying through a lease what cannot go out as it lies, and back.
import { assert } from '../base/assert.js';
import { alignUp } from '../base/integers.js';
import type { IovIter } from '../iter/iov-iter.js';
import { type Lease, Pool } from '../memory/pool.js';
import type { Request } from './request.js';

/** A pool of its own, so that leases which a caller keeps can never starve a transfer. */
const STAGING_BYTES_MAX = 64 * 1024 * 1024;

let pool: Pool | undefined;

export function stagingPool(): Pool {
  pool ??= new Pool({ bytesMax: STAGING_BYTES_MAX });
  return pool;
}

/** Gives the request a lease with a place for each of its staged segments. False: there is no room in the pool now. */
export function takeStaging(request: Request): boolean {
  const lease = stagingPool().lease(leaseBytes(request));
  if (lease === null) return false;
  request.lease = lease;
  placeStaged(request, lease);
  return true;
}

/** What the staged segments of a request take of a lease: each begins at a multiple of the memory alignment. */
function leaseBytes(request: Request): number {
  const { segments, memoryAlignment } = request;
  let bytes = 0;
  for (let i = 0; i < segments.count; i++) {
    if (segments.staged[i]) bytes += alignUp(segments.length[i] ?? 0, memoryAlignment);
  }
  return bytes;
}

/** Gives every staged segment its place in the lease (page-aligned, as every lease is), in order. */
function placeStaged(request: Request, lease: Lease): void {
  const { segments, memoryAlignment } = request;
  let at = lease.byteOffset;
  for (let i = 0; i < segments.count; i++) {
    if (!segments.staged[i]) continue;
    segments.buffer[i] = lease.buffer;
    segments.byteOffset[i] = at;
    at += alignUp(segments.length[i] ?? 0, memoryAlignment);
  }
  assert(at - lease.byteOffset <= lease.length, 'staged segments fit in their lease');
}

/** Before a write goes out: the caller's bytes into the lease. `scratch` is any duplicate of the caller's iterator. */
export function copyIn(request: Request, scratch: IovIter): void {
  const { segments } = request;
  if (request.pieces.count > 0) return copyPieces(request, request.payloadBytes, scratch);
  scratch.restore(request.state);
  for (let i = 0; i < segments.count; i++) {
    const length = segments.length[i] ?? 0;
    if (!segments.staged[i]) {
      scratch.advance(length);
      continue;
    }
    const buffer = segments.buffer[i];
    assert(buffer != null, 'a staged segment has its place');
    const copied = scratch.copyFrom(new Uint8Array(buffer, segments.byteOffset[i], length));
    assert(copied === length, 'the iterator holds all that was planned');
  }
}

/** The iterator walks the transfer; a payload of several pieces leaps in it. In: a write's bytes, out: a read's. */
function copyPieces(request: Request, payloadBytes: number, scratch: IovIter): void {
  const { segments, headPadBytes, direction } = request;
  // Bytes of the payload before segment i; the pad before it all counts below zero.
  let at = -headPadBytes;
  for (let i = 0; i < segments.count && at < payloadBytes; at += segments.length[i++] ?? 0) {
    if (!segments.staged[i]) continue;
    const buffer = segments.buffer[i];
    assert(buffer != null, 'a staged segment has its place');
    const from = Math.max(0, at);
    const to = Math.min(payloadBytes, at + (segments.length[i] ?? 0));
    let place = (segments.byteOffset[i] ?? 0) + from - at;
    request.eachPiece(from, to, (_offset, bytes, state, skipped) => {
      scratch.restore(state);
      scratch.advance(skipped);
      const lease = new Uint8Array(buffer, place, bytes);
      const copied = direction === 'write' ? scratch.copyFrom(lease) : scratch.copyTo(lease);
      assert(copied === bytes, 'the iterator holds all that was planned');
      place += bytes;
    });
  }
}

/**
 * After a read came back: the first `payloadBytes` of the caller's part out of the lease. A widened read:
 *
 *      wire      |pad|.... payload ....|pad|       segment 0 is staged and starts with the pad
 */
export function copyOut(request: Request, payloadBytes: number, scratch: IovIter): void {
  const { segments } = request;
  if (request.pieces.count > 0) return copyPieces(request, payloadBytes, scratch);
  const from = request.headPadBytes;
  const to = from + payloadBytes;
  scratch.restore(request.state);
  let wire = 0;
  for (let i = 0; i < segments.count && wire < to; i++) {
    const length = segments.length[i] ?? 0;
    const begin = Math.max(wire, from);
    const end = Math.min(wire + length, to);
    if (end > begin) {
      if (segments.staged[i]) {
        const buffer = segments.buffer[i];
        assert(buffer != null, 'a staged segment has its place');
        scratch.copyTo(new Uint8Array(buffer, (segments.byteOffset[i] ?? 0) + begin - wire, end - begin));
      } else {
        scratch.advance(end - begin);
      }
    }
    wire += length;
  }
}
