// Decides what becomes of a simulated request: how many of its bytes are moved, and what is answered.
import { alignDown } from '../../base/integers.js';
import type { Limits } from '../../plan/limits.js';
import type { Request, Short } from '../../transfer/request.js';
import { type MemoryPlaces, misalignment } from './checks.js';
import type { FaultRule } from './faults.js';
import type { Media } from './media.js';
import type { Operation } from './operation.js';
import type { Place } from './place.js';
import type { Prng } from './prng.js';

/** An answer: a count with its meaning, or an error's code. */
export interface Verdict {
  readonly bytes: number;
  readonly short: Short;
  readonly code: string | null;
}

export interface Law {
  readonly places: MemoryPlaces;
  /** No byte at or past this can be written. */
  readonly sizeMax: number;
  readonly shortAtHole: boolean;
  /** Of a pipe: no answer is about more. Infinity: it is no pipe. */
  readonly pipeBytes: number;
}

export class Judge {
  readonly #media: Media;
  readonly #place: Place;
  readonly #prng: Prng;
  readonly #law: Law;

  constructor(media: Media, place: Place, prng: Prng, law: Law) {
    this.#media = media;
    this.#place = place;
    this.#prng = prng;
    this.#law = law;
  }

  judge(operation: Operation, limits: Limits): Verdict {
    const { request, fault } = operation;
    if (operation.isCancelled) return failure('ECANCELED');
    if (misalignment(request, limits, this.#law.places) !== null) return failure('EINVAL');
    const reach = this.reach(request, limits);
    if (request.direction === 'write' && reach === 0) return failure('ENOSPC');
    switch (fault?.fault) {
      case 'EINVAL':
      case 'EAGAIN':
      case 'EINTR':
      case 'EPIPE':
      case 'EIO':
      case 'ENOSPC':
      case 'ETIMEDOUT':
        return failure(fault.fault);
      case 'short':
        return this.#cutShort(request, fault, reach, request.route === 'end' ? 1 : limits.offsetAlignment);
      case 'short-unaligned':
        return this.#cutShort(request, fault, reach, 1);
      case 'zero':
        return { bytes: 0, short: 'continue', code: null };
      default:
        return this.#whole(request, reach);
    }
  }

  /**
   * How much of the request, from its first byte on, lies before the end. A write stops at a block: part of one is
   * never on the medium.
   */
  reach(request: Request, limits: Limits): number {
    const { bytes, direction, route } = request;
    const end = direction === 'read' ? this.#media.size : this.#law.sizeMax;
    let reach = 0;
    this.#place.each(request, 0, bytes, (offset, length, at) => {
      if (at === reach) reach += Math.max(0, Math.min(length, end - offset));
    });
    if (direction === 'read' || reach === bytes || route === 'end') return reach;
    return alignDown(reach, limits.offsetAlignment);
  }

  #whole(request: Request, reach: number): Verdict {
    const isPipe = this.#law.pipeBytes < Number.POSITIVE_INFINITY;
    const bytes = Math.min(reach, this.#law.pipeBytes);
    // A pipe that runs dry says nothing of the end: only an empty read does.
    if (request.direction === 'write' || (isPipe && bytes > 0)) return { bytes, short: 'continue', code: null };
    const before = this.#law.shortAtHole ? this.#beforeTrailingHole(request, reach) : reach;
    return { bytes: before, short: before < reach ? 'hole' : 'end', code: null };
  }

  /** How many of the first `reach` bytes end where a hole begins that lasts to the last of them. */
  #beforeTrailingHole(request: Request, reach: number): number {
    let before = 0;
    this.#place.each(request, 0, reach, (offset, length, at) => {
      const data = this.#media.bytesBeforeTrailingHole(offset, length);
      if (data > 0) before = at + data;
    });
    return before;
  }

  #cutShort(request: Request, fault: FaultRule, reach: number, alignment: number): Verdict {
    const unitsMax = Math.ceil(reach / alignment) - 1;
    if (unitsMax < 1) return this.#whole(request, reach);
    const units = fault.bytes === undefined ? this.#prng.between(1, unitsMax) : Math.ceil(fault.bytes / alignment);
    return { bytes: Math.min(units, unitsMax) * alignment, short: 'continue', code: null };
  }
}

function failure(code: string): Verdict {
  return { bytes: 0, short: 'continue', code };
}
