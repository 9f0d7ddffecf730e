// A request in flight: a planned one with its memory, its owner, and the two things that happen to it, each once.
import { assert } from '../base/assert.js';
import type { DioriteError } from '../base/errors.js';
import type { Lease } from '../memory/pool.js';
import { PlannedRequest } from '../plan/request.js';

/**
 * What a short answer means; only the target knows. `end`: no data follows. `continue`: there is more, ask again.
 * `hole`: what is missing up to the target's size reads as zeros.
 */
export type Short = 'end' | 'continue' | 'hole';

/** Who gets the answers: the transfer. */
export interface RequestOwner {
  /** `bytes` of the request were moved, from its first on; `short` counts when that is fewer than asked. */
  answered(request: Request, bytes: number, short: Short): void;
  failed(request: Request, error: DioriteError): void;
  /** What was answered is not to be relied on after all (a COMMIT that failed): its bytes are unknown. Released next. */
  lost(request: Request, error: DioriteError): void;
  released(request: Request): void;
}

type Stage = 'idle' | 'submitted' | 'answered';

/**
 * Life: idle → submitted → answered (a count, or an error) → (lost) → released → idle. The memory belongs to the target
 * from the submission to the release, which may come later than the answer, and never before it.
 */
export class Request extends PlannedRequest {
  #owner: RequestOwner | null = null;
  #stage: Stage = 'idle';
  /** The target's own word on the request while it holds it: a slot, an xid. Nobody else reads it. */
  tag: unknown = null;
  /** Each write of this request is durable when it is answered. */
  dsync = false;
  /** Its transfer resolves only when its bytes are durable, where the target can tell (`durable: 'answer'`). */
  stable = true;
  /** Its transfer sends nothing else: a target that commits may make it durable by itself. */
  isOnly = false;
  /** What an error of this request may have changed in the target: the payload, or the blocks that a rewrite covers. */
  touchedOffset = 0;
  touchedBytes = 0;
  /** Set by the target: it went through the page cache. */
  viaCache = false;
  /** Set by the target: requests, and bytes that were copied, beyond those of the plan (a block that was rewritten). */
  extraRequests = 0;
  extraCopiedBytes = 0;
  /** What it was answered with. */
  answeredBytes = 0;
  /** The owner's: the memory of its staged segments. */
  lease: Lease | null = null;
  /** The owner's: how often it has been sent, for bounded retries. */
  attempts = 0;
  /** The owner's: it was refused for now and goes out again when it is released. */
  again = false;

  /** How much of the payload an answer of `bytes`, which count from `offset`, stands for. */
  payloadOf(bytes: number): number {
    return Math.max(0, Math.min(bytes - this.headPadBytes, this.payloadBytes));
  }

  get inFlight(): boolean {
    return this.#stage !== 'idle';
  }

  get isUnanswered(): boolean {
    return this.#stage === 'submitted';
  }

  /** By the owner, right before the target's `submit`. */
  begin(owner: RequestOwner): void {
    assert(this.#stage === 'idle', 'a request is submitted while it is in flight');
    assert(this.bytes > 0 && this.payloadBytes > 0, 'a request carries at least one byte');
    this.#owner = owner;
    this.#stage = 'submitted';
    this.touchedOffset = this.payloadOffset;
    this.touchedBytes = this.payloadBytes;
    this.viaCache = false;
    this.extraRequests = 0;
    this.extraCopiedBytes = 0;
    this.attempts++;
  }

  /** By the owner, when `submit` said "full": the target has not taken it. */
  takeBack(): void {
    assert(this.#stage === 'submitted', 'only a request that was not taken is taken back');
    this.#owner = null;
    this.#stage = 'idle';
    this.attempts--;
  }

  /** By the target. `bytes` counts from `offset`, so a widened read counts its padding. */
  answer(bytes: number, short: Short): void {
    assert(this.#stage === 'submitted', 'a request is answered once');
    assert(bytes >= 0 && bytes <= this.bytes, 'an answer lies within its request');
    this.#stage = 'answered';
    this.answeredBytes = bytes;
    this.#mustOwner().answered(this, bytes, short);
  }

  /** By the target, between a good answer and the release. */
  lose(error: DioriteError): void {
    assert(this.#stage === 'answered', 'only what was answered is lost');
    this.#mustOwner().lost(this, error);
  }

  /** By the target. */
  fail(error: DioriteError): void {
    assert(this.#stage === 'submitted', 'a request is answered once');
    this.#stage = 'answered';
    this.#mustOwner().failed(this, error);
  }

  /** By the target, after the answer: the memory is no longer touched. */
  release(): void {
    assert(this.#stage === 'answered', 'a request is released once, after its answer');
    const owner = this.#mustOwner();
    this.#stage = 'idle';
    this.#owner = null;
    this.tag = null;
    owner.released(this);
  }

  #mustOwner(): RequestOwner {
    assert(this.#owner !== null, 'a request in flight has an owner');
    return this.#owner;
  }
}
