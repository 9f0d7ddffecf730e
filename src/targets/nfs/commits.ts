// What the server has answered and not made durable yet, and the COMMITs that make it so. RFC 1813 §3.3.7 and §3.3.21.
//
//      WRITE unstable ─ answered, verifier A ─┬─ held: memory kept ──┬─ COMMIT says A: durable, released
//                                             │                      └─ COMMIT says B: the server lost it: sent again
//                                             └─ loose: memory given back ─┬─ COMMIT says A: durable
//                                                                          └─ says B: lost; `sync` tells the extents
//
// A COMMIT covers what was answered before it was sent; one is on the way at a time, and WRITEs go on meanwhile.
import { DioriteError, type Extent, errors } from '../../base/errors.js';
import { RangeSet } from '../inode/range-set.js';
import type { NfsIo } from './io.js';

/** A COMMIT goes out when so many bytes wait for one: the server writes them back while more come. */
export const COMMIT_BYTES: number = 16 * 1024 * 1024;
/** How often held bytes are sent again to a server that restarts again and again. */
const RESENDS_MAX = 5;
/** Bounded by the design: at most so many extents, then one around all. */
const EXTENTS_MAX = 1024;

export interface CommitHost {
  readonly name: string;
  commit(): Promise<bigint>;
  /** Sends a held call again, as it was. */
  resend(io: NfsIo): void;
  release(io: NfsIo): void;
  lose(io: NfsIo, error: DioriteError): void;
  /** A COMMIT failed. True: the server could not write what it had taken. False: it was not reached, and may still. */
  commitFailed(error: DioriteError): boolean;
}

/** Ranges whose memory was given back, by the verifier that they were answered with. */
type Loose = Map<bigint, RangeSet>;

export class Commits {
  readonly #host: CommitHost;
  #held: NfsIo[] = [];
  #loose: Loose = new Map();
  /** Waiting for a COMMIT that has not been sent. */
  #bytes = 0;
  /** Certainly or perhaps not on the server any more: until they are written again. */
  readonly #lost: RangeSet = new RangeSet(EXTENTS_MAX);
  /** Why: null where the server restarted. */
  #refusal: DioriteError | null = null;
  #running: Promise<DioriteError | null> | null = null;
  #isWanted = false;

  constructor(host: CommitHost) {
    this.#host = host;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** The call's memory stays until a COMMIT says that its bytes are durable. */
  hold(io: NfsIo, verifier: bigint): void {
    io.stage = 'held';
    io.verifier = verifier;
    this.#held.push(io);
    this.#waits(io.bytes);
  }

  /** The bytes are the server's, their memory is not needed: if it restarts they are lost, and `sync` says so. */
  noteLoose(offset: number, bytes: number, verifier: bigint): void {
    const ranges = this.#loose.get(verifier) ?? new RangeSet(EXTENTS_MAX);
    this.#loose.set(verifier, ranges);
    ranges.add(offset, bytes);
    this.#lost.remove(offset, bytes);
    this.#waits(bytes);
  }

  /** These bytes are durable: whatever was lost there before is written again. */
  noteDurable(offset: number, bytes: number): void {
    this.#lost.remove(offset, bytes);
  }

  /** Gives up waiting: the memory of a held call is let go, and its bytes are loose. */
  letGo(io: NfsIo): void {
    this.#held = this.#held.filter((other) => other !== io);
    this.noteLoose(io.offset, io.bytes, io.verifier);
    this.#host.release(io);
  }

  /** Brings what is held to its end now, or as soon as the COMMIT on the way is back. */
  hasten(): void {
    if (this.#held.length > 0) this.#want();
  }

  /** Resolves when all that was answered before is durable. Rejects with the extents that are not. */
  async sync(): Promise<void> {
    // The one on the way does not cover what was answered since it was sent.
    while (this.#running !== null) await this.#running;
    const failure = this.#bytes > 0 ? await this.#start() : null;
    if (this.#lost.size > 0) throw this.#lostError();
    if (failure !== null) throw failure;
  }

  #waits(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= COMMIT_BYTES) this.#want();
  }

  #want(): void {
    if (this.#running === null) void this.#start();
    else this.#isWanted = true;
  }

  /** Never rejects: what goes wrong is told to those whose bytes it is about. */
  #start(): Promise<DioriteError | null> {
    const held = this.#held;
    const loose = this.#loose;
    this.#held = [];
    this.#loose = new Map();
    this.#bytes = 0;
    this.#isWanted = false;
    this.#running = this.#commit(held, loose).then((failure) => {
      this.#running = null;
      if (this.#isWanted && this.#bytes > 0) void this.#start();
      return failure;
    });
    return this.#running;
  }

  async #commit(held: readonly NfsIo[], loose: Loose): Promise<DioriteError | null> {
    let verifier: bigint;
    try {
      verifier = await this.#host.commit();
    } catch (error) {
      return this.#failed(held, loose, error as DioriteError);
    }
    for (const [life, ranges] of loose) if (life !== verifier) this.#lose(ranges);
    for (const io of held) {
      if (io.stage !== 'held') continue; // let go meanwhile
      if (io.verifier === verifier) this.#host.release(io);
      else this.again(io);
    }
    return null;
  }

  /** The server has lost what a call wrote: it goes out once more, as often as that makes sense. */
  again(io: NfsIo): void {
    if (++io.resends <= RESENDS_MAX) return this.#host.resend(io);
    const path = this.#host.name;
    const message = `EIO: ${path}: the server lost the same bytes ${RESENDS_MAX} times before they were durable`;
    this.#host.lose(io, new DioriteError(message, { code: 'EIO', syscall: 'write', path }));
    this.#host.release(io);
  }

  #failed(held: readonly NfsIo[], loose: Loose, error: DioriteError): DioriteError {
    const isRefused = this.#host.commitFailed(error);
    if (isRefused) this.#refusal = error;
    for (const [verifier, ranges] of loose) {
      if (isRefused) this.#lose(ranges);
      else for (const { offset, length } of ranges.ranges()) this.noteLoose(offset, length, verifier);
    }
    for (const io of held) {
      if (io.stage !== 'held') continue;
      this.#host.lose(io, error);
      this.#host.release(io);
    }
    if (!isRefused) error.extents = extentsOf([...loose.values()]);
    return error;
  }

  #lose(ranges: RangeSet): void {
    for (const { offset, length } of ranges.ranges()) this.#lost.add(offset, length);
  }

  #lostError(): DioriteError {
    const error = this.#refusal ?? this.#restarted();
    error.extents = extentsOf([this.#lost]);
    error.bytes = 0;
    return error;
  }

  #restarted(): DioriteError {
    const path = this.#host.name;
    const message = `${path}: the server restarted and lost bytes that were not durable yet: write the extents again`;
    return errors.make('ERR_DIORITE_VERIFIER', message, { syscall: 'fsync', path });
  }
}

function extentsOf(sets: readonly RangeSet[]): Extent[] {
  const all = new RangeSet(EXTENTS_MAX);
  for (const set of sets) for (const { offset, length } of set.ranges()) all.add(offset, length);
  return all.ranges().map((range): Extent => ({ ...range, state: 'unknown' }));
}
