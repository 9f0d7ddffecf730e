// How a simulated target is set up, what it tells of itself, and what it has counted.
import { assert } from '../../base/assert.js';
import { assertLimits, type Direction, type Limits } from '../../plan/limits.js';
import type { Short } from '../../transfer/request.js';
import type { Striping } from '../striping.js';
import type { MemoryPlaces } from './checks.js';
import type { Pump, SimClock } from './clock.js';
import type { FaultRule } from './faults.js';

/** A lowest value and a mean: the time between them is exponentially distributed. */
export interface Latency {
  readonly minNanos: number;
  readonly meanNanos: number;
}

export interface SimOptions {
  /** Everything random follows from it. */
  readonly seed?: number | undefined;
  readonly name?: string | undefined;
  /**
   * A file grows when it is written past its end; a device has the size that it has. A pipe is unseekable: what it
   * holds is consumed once, in order; it ends when that is gone, and its reads may be short before.
   */
  readonly kind?: 'file' | 'device' | 'pipe' | undefined;
  /** Of a pipe: how many bytes have passed already; then the offsets of a transfer count from there. */
  readonly position?: number | undefined;
  /** Of a pipe: how much it holds at a time; no answer is about more. */
  readonly pipeBytes?: number | undefined;
  /** Its bytes lie in objects, striped over them: it has a layout. */
  readonly striping?: Striping | undefined;
  readonly size?: number | undefined;
  /** How far a file can grow beyond `size`: then the file system is full. */
  readonly spaceBytes?: number | undefined;
  /** What it holds at first. */
  readonly contents?: 'zeros' | 'random' | undefined;
  /** False: bytes are neither kept nor given, only counted: for runs of millions of requests. */
  readonly keepsBytes?: boolean | undefined;
  /** One for all places, or one per zone: sorted by `until`, the last one everywhere. */
  readonly limits?: Limits | readonly Limits[] | undefined;
  /** For reads, where they differ from those of writes. */
  readonly readLimits?: Limits | readonly Limits[] | undefined;
  readonly faults?: readonly FaultRule[] | undefined;
  /** Requests that it holds unanswered; then `submit` says full. */
  readonly queueDepth?: number | undefined;
  /** From the submission to the answer: random, so that answers come in any order. */
  readonly latency?: Latency | undefined;
  /** From the answer to the release; by default they come together. */
  readonly releaseLatency?: Latency | undefined;
  /** Writes are released by commits: when so many bytes wait, or so long after the first of them, or with a sync. */
  readonly commits?: { readonly bytes: number; readonly afterNanos: number } | undefined;
  /** What lands whole or not at all when a write fails or power is lost. Default 512. */
  readonly sectorBytes?: number | undefined;
  /** Sectors are torn as well. */
  readonly tearsSectors?: boolean | undefined;
  /** False: it has no map of its holes. */
  readonly mapsHoles?: boolean | undefined;
  /** Reads that end in a hole are answered short, with "hole". Needs contents 'zeros'. */
  readonly shortAtHole?: boolean | undefined;
  /** Codes of errors that certainly left everything as it was. */
  readonly noEffect?: readonly string[] | undefined;
  /** `ignored`: as a disk; `honoured`: what is cancelled is answered with ECANCELED, and any part of it has landed. */
  readonly cancel?: 'ignored' | 'honoured' | undefined;
  /** How unaligned ends of writes go: merged byte by byte, or by rewriting whole units of `endAlignment`. */
  readonly ends?: 'buffered' | 'rewrite' | undefined;
  readonly durable?: 'answer' | 'sync' | undefined;
  /**
   * What a failed sync leaves behind. `loses` (the default): what it covered is lost though the next one succeeds, as
   * Linux has it; `poisons`: the same, and every later sync fails; `keeps`: it stays dirty, and the next one covers it.
   */
  readonly failedSync?: 'loses' | 'poisons' | 'keeps' | undefined;
  /** False: `size` is undefined until a read was answered with "end". */
  readonly knowsSize?: boolean | undefined;
  /** Where memory lies, to refuse misaligned memory; by default the real addresses. */
  readonly places?: MemoryPlaces | undefined;
  /** Shared with other targets; by default one of its own, with this `pump`. */
  readonly clock?: SimClock | undefined;
  readonly pump?: Pump | undefined;
  /** Whether the memory of writes is watched for changes while they are in flight. */
  readonly watchesMemory?: boolean | undefined;
  /** Told of everything that happens, as it happens. */
  readonly onEvent?: ((event: SimEvent) => void) | undefined;
  /** What to do when whoever uses the target breaks its contract; by default an AssertionFailure is thrown. */
  readonly onViolation?: ((failure: Error) => void) | undefined;
}

/** `full` was refused and `submitted` taken; `answered` and `failed` are the two answers. */
export interface SimEvent {
  readonly kind: 'full' | 'submitted' | 'answered' | 'failed' | 'released';
  /** Of the request, counted from 1 in the order of submission; 0 for `full`. */
  readonly number: number;
  readonly unit: string;
  /** What a read was widened by before its payload. */
  readonly headPadBytes: number;
  /** Where the payload lies in the target, in order, by the target's own reckoning. */
  readonly payload: readonly { readonly offset: number; readonly bytes: number }[];
  readonly nowNanos: number;
  readonly direction: Direction;
  readonly route: 'direct' | 'end';
  readonly offset: number;
  readonly bytes: number;
  /** What an error may have changed: the payload, or the blocks that a rewrite covers. Of a layout: see `payload`. */
  readonly touchedOffset: number;
  readonly touchedBytes: number;
  /** `answered`: how many bytes were moved. */
  readonly result: number;
  /** `answered`: what it means when fewer were moved than asked. */
  readonly short: Short | '';
  /** `failed`: the error's code; otherwise ''. */
  readonly code: string;
}

export interface SimStats {
  submitted: number;
  answered: number;
  failed: number;
  released: number;
  refused: number;
  syncs: number;
  /** Not released yet, now and at most. */
  inFlight: number;
  inFlightMax: number;
  unansweredMax: number;
  inFlightBytes: number;
  inFlightBytesMax: number;
}

/** Two requests at the same bytes at the same time, at least one of them a write: the outcome is open. */
export interface SimOverlap {
  readonly first: number;
  readonly second: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A disk with 512-byte sectors behind a file system of pages. */
export const SIM_LIMITS: Limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: 4096,
  maxBytes: 4 * 1024 * 1024,
  bestBytes: 1024 * 1024,
  maxSegments: 1024,
  bestSegments: 256,
  copyBreakBytes: 4096,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};

/** Any byte from and to anywhere, in order: what an unseekable target asks. */
export const PIPE_LIMITS: Limits = { ...SIM_LIMITS, memoryAlignment: 1, offsetAlignment: 1, endAlignment: 1 };

export function newStats(): SimStats {
  return {
    submitted: 0,
    answered: 0,
    failed: 0,
    released: 0,
    refused: 0,
    syncs: 0,
    inFlight: 0,
    inFlightMax: 0,
    unansweredMax: 0,
    inFlightBytes: 0,
    inFlightBytesMax: 0,
  };
}

/** Limits by place: the zones in order. */
export class Zones {
  readonly #zones: readonly Limits[];

  constructor(limits: Limits | readonly Limits[]) {
    this.#zones = isList(limits) ? limits : [limits];
    let start = 0;
    for (const zone of this.#zones) {
      assertLimits(zone, start);
      start = zone.until;
    }
    assert(start === Number.POSITIVE_INFINITY, 'the limits of the last zone hold everywhere');
  }

  at(offset: number): Limits {
    const zone = this.#zones.find((candidate) => offset < candidate.until);
    assert(zone !== undefined, 'every place has its limits');
    return zone;
  }
}

function isList(limits: Limits | readonly Limits[]): limits is readonly Limits[] {
  return Array.isArray(limits);
}
