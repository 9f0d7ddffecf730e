// A transfer that is one request of one piece of memory: without an iterator, a plan or a ledger of its own, and reused.
//
//      begin ─ submit ─── target ─┬─ all, or the end of the data ─ released ─▶ owner.moved
//                                 └─ anything else: becomes a Transfer ─ ─ ─ ─▶ owner.moved or owner.failed
//
// A transfer is what takes over, as if it had planned the request itself: resuming, retries and the ledger are there only.
import { assert } from '../base/assert.js';
import type { DioriteError } from '../base/errors.js';
import { hostPages } from '../memory/pages.js';
import type { Direction } from '../plan/limits.js';
import { isStable, type TransferOptions } from './options.js';
import { type How, type Outcome, sharedHow } from './outcome.js';
import type { Request, RequestOwner, Short } from './request.js';
import { recycleRequest, takeRequest } from './request-pool.js';
import type { Target } from './target.js';
import { adoptRequest } from './transfer.js';
import { fillWhole, isWhole } from './whole.js';

const IDLE_MAX = 512;

export type Begun = 'begun' | 'full' | 'not one';

/** Who began it. The single is its owner's again, to be recycled, when it is called. */
export interface SingleOwner {
  /** Every byte is done, or, of a read, those up to the end of the data. */
  moved(single: Single, bytes: number, how: How): void;
  /** With the ledger. */
  failed(single: Single, error: unknown): void;
}

export class Single implements RequestOwner {
  /** The owner's own words on it: which it is, and whom to tell. The single only forgets them. */
  index = 0;
  memory: unknown = null;
  resolve: ((result: never) => void) | null = null;
  reject: ((error: unknown) => void) | null = null;

  #owner: SingleOwner | null = null;
  #target: Target | null = null;
  #options: TransferOptions | null = null;
  /** Once anything but a whole answer has come. */
  #transfer: RequestOwner | null = null;
  #direction: Direction = 'read';
  #offset = 0;
  #moved = 0;

  get offset(): number {
    return this.#offset;
  }

  /** Whether the target is of a kind that needs no more than this; what it can take at all is `begin`'s to say. */
  static fits(target: Target): boolean {
    return target.layout === undefined && target.seekable && target.releasesLater !== true;
  }

  /** Unless it has begun nothing happened. `full`: `onceDrained` of the target; `not one`: it takes a transfer. */
  begin(
    owner: SingleOwner,
    target: Target,
    direction: Direction,
    offset: number,
    buffer: ArrayBufferLike,
    byteOffset: number,
    bytes: number,
    options: TransferOptions,
  ): Begun {
    const limits = target.limitsAt(offset, direction);
    // Detached or shrunk: a transfer has the error for that.
    if (byteOffset + bytes > buffer.byteLength) return 'not one';
    const inPage = hostPages().offsetInPage(buffer);
    if (!isWhole(limits, direction, offset, bytes, inPage < 0 ? -1 : inPage + byteOffset)) return 'not one';
    const request = takeRequest();
    fillWhole(request, limits, direction, offset, bytes, buffer, byteOffset);
    request.dsync = options.dsync === true;
    request.stable = request.dsync || options.stable !== false;
    request.isOnly = true;
    this.#owner = owner;
    this.#target = target;
    this.#options = options;
    this.#direction = direction;
    this.#offset = offset;
    this.#moved = 0;
    request.begin(this);
    if (target.submit(request)) return 'begun';
    request.takeBack();
    recycleRequest(request);
    return 'full';
  }

  answered(request: Request, bytes: number, short: Short): void {
    const isAll = bytes === request.bytes;
    if (isAll || (short === 'end' && this.#direction === 'read')) this.#moved = bytes;
    else this.#adopt(request).answered(request, bytes, short);
  }

  failed(request: Request, error: DioriteError): void {
    this.#adopt(request).failed(request, error);
  }

  lost(request: Request, error: DioriteError): void {
    const transfer = this.#adopt(request);
    transfer.answered(request, request.answeredBytes, 'continue');
    transfer.lost(request, error);
  }

  released(request: Request): void {
    const { viaCache, extraRequests, extraCopiedBytes } = request;
    if (this.#transfer !== null) return this.#transfer.released(request);
    recycleRequest(request);
    // No lists to take apart, here and below: V8 makes them, 127 bytes a request (measured).
    const owner = this.#mustOwner();
    const bytes = this.#moved;
    const bufferedBytes = viaCache ? bytes : 0;
    owner.moved(this, bytes, this.#how(1 + extraRequests, extraCopiedBytes, bufferedBytes));
  }

  #adopt(request: Request): RequestOwner {
    assert(this.#transfer === null, 'a single becomes a transfer once');
    const target = this.#target;
    const options = this.#options;
    assert(target !== null && options !== null, 'a single in flight has its target');
    const resolve = (outcome: Outcome): void => this.#mustOwner().moved(this, outcome.bytes, outcome);
    const reject = (error: unknown): void => this.#mustOwner().failed(this, error);
    this.#transfer = adoptRequest(request, target, options, resolve, reject);
    return this.#transfer;
  }

  #mustOwner(): SingleOwner {
    assert(this.#owner !== null, 'a single in flight has an owner');
    return this.#owner;
  }

  #how(requests: number, copiedBytes: number, bufferedBytes: number): How {
    const target = this.#target;
    const options = this.#options;
    assert(target !== null && options !== null, 'a single in flight has its target');
    const io = target.ioMode(this.#direction);
    const stable = this.#direction === 'write' && isStable(target, options);
    return sharedHow(requests, copiedBytes, bufferedBytes, io, stable);
  }

  /** Lets go of everything, for reuse. */
  recycle(): void {
    this.memory = null;
    this.resolve = null;
    this.reject = null;
    this.#owner = null;
    this.#target = null;
    this.#options = null;
    this.#transfer = null;
    if (idle.length < IDLE_MAX) idle.push(this);
  }
}

const idle: Single[] = [];

export function takeSingle(): Single {
  return idle.pop() ?? new Single();
}
