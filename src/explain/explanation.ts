// What explain() gives: the requests of a plan beside the vectors, as text, as JSON and as a picture.
import { toOffset } from '../base/integers.js';
import type { Plan, PlanTotals } from '../draw/plan.js';
import type { Limits } from '../plan/limits.js';
import type { Peer } from './models/peers.js';
import { type ExplainedRequest, explainedRequests } from './requests.js';
import { drawPicture } from './svg/picture.js';
import { describe } from './text.js';
import type { Vector } from './vectors.js';

/** Requests that text and picture show where nothing else is asked for. */
const SHOWN_REQUESTS: number = 8;
/** Requests that JSON lists at most: a million vectors must not become a gigabyte of text. */
const LISTED_REQUESTS_MAX: number = 4096;
/** Requests that a picture is drawn of at most: more would be taller than anything shows. */
const DRAWN_REQUESTS_MAX: number = 32;

export interface ExplanationInput {
  readonly plan: Plan;
  readonly vectors: readonly Vector[];
  /** The text that the vectors were given as; null: a list. */
  readonly described: string | null;
  readonly seed: number;
  readonly path: string | null;
  readonly limits: Limits;
  readonly limitsFrom: string;
  readonly peers: readonly Peer[];
}

export interface ShowOptions {
  /** How many requests are shown; the others are counted. */
  readonly requests?: number | undefined;
}

/** Vectors laid over a target's range. `String(explanation)` is the text, `JSON.stringify` the JSON. */
export class Explanation {
  readonly plan: Plan;
  readonly vectors: readonly Vector[];
  readonly described: string | null;
  readonly seed: number;
  readonly path: string | null;
  readonly limits: Limits;
  readonly limitsFrom: string;
  /** What node:fs, the Linux NFS client and Ceph's kernel client make of the same vectors. */
  readonly peers: readonly Peer[];

  constructor(input: ExplanationInput) {
    this.plan = input.plan;
    this.vectors = input.vectors;
    this.described = input.described;
    this.seed = input.seed;
    this.path = input.path;
    this.limits = input.limits;
    this.limitsFrom = input.limitsFrom;
    this.peers = input.peers;
  }

  get totals(): PlanTotals {
    return this.plan.totals;
  }

  /** The first `most` requests, planned anew each time. */
  requests(most: number): readonly ExplainedRequest[] {
    const wanted = toOffset(most, 'most');
    const requests: ExplainedRequest[] = [];
    if (wanted === 0) return requests;
    for (const request of explainedRequests(this.plan, this.vectors)) {
      if (requests.push(request) >= wanted) break;
    }
    return requests;
  }

  /** For people. */
  toString({ requests = SHOWN_REQUESTS }: ShowOptions = {}): string {
    return describe(this, this.requests(requests));
  }

  /** A picture: a standalone SVG document. */
  toSvg({ requests = SHOWN_REQUESTS }: ShowOptions = {}): string {
    return drawPicture(this, this.requests(Math.min(requests, DRAWN_REQUESTS_MAX)));
  }

  /** Everything, for programs; the first 4,096 requests, or as many as asked for. docs/Explain.md has the fields. */
  toObject({ requests = LISTED_REQUESTS_MAX }: ShowOptions = {}): Readonly<Record<string, unknown>> {
    const { plan, totals, limits, vectors } = this;
    const listed = this.requests(Math.min(requests, LISTED_REQUESTS_MAX));
    return {
      path: this.path,
      direction: plan.direction,
      offset: plan.offset,
      bytes: plan.bytes,
      vectors: { count: vectors.length, described: this.described, seed: this.seed },
      // JSON has no Infinity.
      limits: { ...limits, until: Number.isFinite(limits.until) ? limits.until : null },
      limitsFrom: this.limitsFrom,
      totals,
      peers: this.peers,
      requests: listed,
      requestsNotListed: totals.requests - listed.length,
    };
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return this.toObject();
  }
}
