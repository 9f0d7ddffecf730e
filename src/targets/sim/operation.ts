// A request while the simulator holds it: its memory, watched, and the ways in which part of it lands.
import type { SegmentList } from '../../plan/request.js';
import type { Request } from '../../transfer/request.js';
import type { FaultRule } from './faults.js';
import type { Media } from './media.js';
import type { Place } from './place.js';
import type { Prng } from './prng.js';

/** What lands whole or not at all; or, torn, what any part of which lands. */
export interface Sectors {
  readonly bytes: number;
  readonly torn: boolean;
}

export class Operation {
  /** Counted from 1, in the order of submission. */
  readonly number: number;
  readonly request: Request;
  readonly fault: FaultRule | null;
  /** The bytes of a write as they were when it was submitted; null when memory is not watched. */
  readonly #submitted: Uint8Array | null;
  isAnswered = false;
  isCancelled = false;

  constructor(number: number, request: Request, fault: FaultRule | null, watchesMemory: boolean) {
    this.number = number;
    this.request = request;
    this.fault = fault;
    this.#submitted = watchesMemory && request.direction === 'write' ? gather(request.segments, request.bytes) : null;
  }

  /** The first byte of a write's memory that differs from what was submitted, or −1. Detached memory is not looked at. */
  firstChange(): number {
    const submitted = this.#submitted;
    if (submitted === null) return -1;
    let changed = -1;
    eachPiece(this.request.segments, 0, this.request.bytes, (memory, at) => {
      if (changed !== -1 || Buffer.compare(memory, submitted.subarray(at, at + memory.length)) === 0) return;
      for (let i = 0; i < memory.length; i++) {
        if (memory[i] === submitted[at + i]) continue;
        changed = at + i;
        return;
      }
    });
    return changed;
  }

  /** Moves bytes from … to of the request (counted from its start) between its memory and the medium. */
  move(media: Media, place: Place, from: number, to: number): void {
    const { direction, segments } = this.request;
    place.each(this.request, from, to, (offset, bytes, start) => {
      const end = start + bytes;
      if (direction === 'read')
        eachPiece(segments, start, end, (memory, at) => media.read(offset + at - start, memory));
      else if (this.#submitted !== null) media.write(offset, this.#submitted.subarray(start, end));
      else eachPiece(segments, start, end, (memory, at) => media.write(offset + at - start, memory));
    });
  }

  /**
   * Moves some of the bytes from … to, by sectors: what has happened when the answer is an error. A split request loses
   * its middle, a queue that stopped its tail, and a power dip anything.
   *
   *      nothing  |····················|      all      |####################|      head  |##########··········|
   *      hole     |######·····#########|      any      |#·##·#··###·#·#·····|
   */
  moveSome(media: Media, place: Place, from: number, to: number, sectors: Sectors, prng: Prng): void {
    const shape = prng.pick(['nothing', 'all', 'head', 'hole', 'any']);
    const holeFrom = prng.between(from, to - 1);
    const holeTo = prng.between(holeFrom, to);
    const { offset } = this.request;
    for (let at = from; at < to; ) {
      const sectorEnd = at + sectors.bytes - ((offset + at) % sectors.bytes);
      const next = Math.min(to, sectors.torn ? prng.between(at + 1, sectorEnd) : sectorEnd);
      if (
        shape === 'all' ||
        (shape === 'head' && at < holeFrom) ||
        (shape === 'hole' && (next <= holeFrom || at >= holeTo)) ||
        (shape === 'any' && prng.chance(0.5))
      )
        this.move(media, place, at, next);
      at = next;
    }
  }
}

/** Calls f(memory, at) for the pieces of memory that hold bytes from … to of the list; `at` counts from its start. */
function eachPiece(segments: SegmentList, from: number, to: number, f: (memory: Uint8Array, at: number) => void): void {
  let start = 0;
  for (let i = 0; i < segments.count && start < to; i++) {
    const length = segments.length[i] ?? 0;
    const byteOffset = segments.byteOffset[i] ?? 0;
    const buffer = segments.buffer[i] ?? null;
    const pieceFrom = Math.max(from, start);
    const pieceTo = Math.min(to, start + length);
    // Memory that was detached meanwhile is gone: its owner's error, and the bytes land nowhere.
    const isThere = buffer !== null && buffer.byteLength >= byteOffset + length;
    if (pieceTo > pieceFrom && isThere)
      f(new Uint8Array(buffer, byteOffset + pieceFrom - start, pieceTo - pieceFrom), pieceFrom);
    start += length;
  }
}

function gather(segments: SegmentList, bytes: number): Uint8Array {
  const gathered = new Uint8Array(bytes);
  eachPiece(segments, 0, bytes, (memory, at) => gathered.set(memory, at));
  return gathered;
}
