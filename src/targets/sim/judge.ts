// Decides what becomes of a simulated request: how many of its bytes are moved, and what is answered.
import { alignDown } from '../../base/integers.js';
import type { Limits } from '../../plan/limits.js';
import type { Request, Short } from '../../transfer/request.js';
import { type MemoryPlaces, misalignment } from './checks.js';
import type { FaultRule } from './faults.js';
import type { Media } from './media.js';
import type { Operation } from './operation.js';
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
}

export class Judge {
  readonly #media: Media;
  readonly #prng: Prng;
  readonly #law: Law;

  constructor(media: Media, prng: Prng, law: Law) {
    this.#media = media;
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

  /** How much of the request lies before the end. A write stops at a block: part of one is never on the medium. */
  reach(request: Request, limits: Limits): number {
    const { offset, bytes, direction, route } = request;
    const end = direction === 'read' ? this.#media.size : this.#law.sizeMax;
    const reach = Math.max(0, Math.min(bytes, end - offset));
    if (direction === 'read' || reach === bytes || route === 'end') return reach;
    return alignDown(reach, limits.offsetAlignment);
  }

  #whole(request: Request, reach: number): Verdict {
    if (request.direction === 'write') return { bytes: reach, short: 'continue', code: null };
    if (this.#law.shortAtHole) {
      const before = this.#media.bytesBeforeTrailingHole(request.offset, reach);
      if (before < reach) return { bytes: before, short: 'hole', code: null };
    }
    return { bytes: reach, short: 'end', code: null };
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
