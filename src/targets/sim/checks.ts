// What the simulator holds against a request: what a kernel refuses (EINVAL), and what nobody may ever send.
import type { Limits } from '../../plan/limits.js';
import type { PlannedRequest } from '../../plan/request.js';
import type { Place } from './place.js';

/** As much of a PageSource as says where memory lies. */
export interface MemoryPlaces {
  offsetInPage(buffer: ArrayBufferLike): number;
}

/** Why a kernel would answer EINVAL, or null. An unaligned end is taken as it is. */
export function misalignment(request: PlannedRequest, limits: Limits, places: MemoryPlaces): string | null {
  if (request.route === 'end') return null;
  if (request.offset % limits.offsetAlignment !== 0) return `offset ${request.offset} is misaligned`;
  const { segments } = request;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i] ?? null;
    const length = segments.length[i] ?? 0;
    if (length % limits.offsetAlignment !== 0) return `segment ${i} has a length of ${length}`;
    if (limits.memoryAlignment === 1 || buffer === null) continue;
    const place = places.offsetInPage(buffer);
    if (place < 0) return `the address of segment ${i} is not known`;
    if ((place + (segments.byteOffset[i] ?? 0)) % limits.memoryAlignment !== 0) return `segment ${i} is misaligned`;
  }
  return null;
}

/** What breaks the contract between a target and whoever submits, or null. */
export function breach(request: PlannedRequest, limits: Limits, place: Place): string | null {
  if (request.direction === 'write' && request.payloadBytes !== request.bytes)
    return 'a write carries more than its payload';
  return memoryBreach(request) ?? place.breach(request) ?? limitBreach(request, limits);
}

function memoryBreach(request: PlannedRequest): string | null {
  const { segments } = request;
  let bytes = 0;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i] ?? null;
    const byteOffset = segments.byteOffset[i] ?? 0;
    const length = segments.length[i] ?? 0;
    if (buffer === null) return `segment ${i} has no memory`;
    if (length <= 0) return `segment ${i} is empty`;
    if (byteOffset + length > buffer.byteLength) return `segment ${i} passes the end of its buffer`;
    bytes += length;
  }
  return bytes === request.bytes ? null : `its segments hold ${bytes} bytes`;
}

function limitBreach(request: PlannedRequest, limits: Limits): string | null {
  const { offset, bytes, segments } = request;
  if (bytes > limits.maxBytes) return `more than ${limits.maxBytes} bytes`;
  let passes = false;
  request.eachPiece(0, request.payloadBytes, (from, length) => {
    passes ||= from + length > limits.until;
  });
  if (passes) return `it passes ${limits.until}, where its limits stop holding`;
  const boundary = limits.boundaryBytes;
  if (boundary > 0 && Math.floor(offset / boundary) !== Math.floor((offset + bytes - 1) / boundary))
    return `it crosses a multiple of ${boundary}`;
  if (request.route === 'end') return endBreach(request, limits);
  return segments.count > limits.maxSegments ? `${segments.count} segments, more than ${limits.maxSegments}` : null;
}

/** An end is what does not fill a unit; more than that should have gone the direct way. */
function endBreach(request: PlannedRequest, limits: Limits): string | null {
  const { offset, bytes } = request;
  if (request.direction === 'read') return 'a read goes the way of unaligned ends';
  const unitBytes = limits.endAlignment;
  const wholeUnits = Math.floor((offset + bytes) / unitBytes) - Math.ceil(offset / unitBytes);
  return wholeUnits > 0 ? `an end that fills ${wholeUnits} units of ${unitBytes}` : null;
}
