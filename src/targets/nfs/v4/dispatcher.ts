// Who gets which slot, and what becomes of each call: sent, answered, put off, sent anew in a new session, given up.
import { assert } from '../../../base/assert.js';
import { type DioriteError, errors } from '../../../base/errors.js';
import type { Rpc, RpcCall } from '../rpc/call.js';
import { systemError } from '../rpc/rejections.js';
import { statusName } from '../status.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import { readSequence, SequenceResult, StatusError } from './compound.js';
import { OP, STATUS } from './constants.js';
import { afterOperation, afterSequence, DELAY_FIRST_MS, nextDelayMs } from './decisions.js';
import { Delays } from './delays.js';
import { Fence, type FenceHandler } from './fence.js';
import { Queues } from './queues.js';
import type { Recoverer } from './recoverer.js';
import { Runner } from './runner.js';
import type { Session } from './session.js';
import type { CallHandler, SessionCall } from './session-call.js';
import { Sweep } from './sweep.js';

/** A call whose file's state was looked at so often, and found well, and which is refused still, has failed. */
const STATE_CHECKS_MAX = 3;

/** Calls that went out within so much of their beginning are left to the connection's own watch. */
const LIMIT_SLACK_MS = 10;

export interface DispatcherOptions {
  readonly rpc: Rpc;
  readonly minorVersion: number;
  readonly timeoutMs: number;
  readonly hard: boolean;
}

export class Dispatcher extends Runner implements CallHandler, FenceHandler {
  readonly minorVersion: number;
  readonly rpc: Rpc;
  /** For how long a call is tried; infinity: for ever. */
  readonly timeoutMs: number;
  readonly #queues: Queues = new Queues();
  readonly #delays: Delays = new Delays((call) => this.#delayOver(call));
  readonly #result: SequenceResult = new SequenceResult();
  #recoverer: Recoverer | null = null;
  #session: Session | null = null;
  /** Calls of all lanes go; else only those of recovery. */
  #open = false;
  #closed: DioriteError | null = null;
  #dataInFlight = 0;
  readonly #sweep: Sweep;
  /** Told whenever there may be more slots than before. */
  onSlots: () => void = () => undefined;
  /** Of performance.now(): when a SEQUENCE was last accepted, which renews the lease. */
  lastRenewedMs = 0;

  constructor({ rpc, minorVersion, timeoutMs, hard }: DispatcherOptions) {
    super();
    this.rpc = rpc;
    this.minorVersion = minorVersion;
    this.timeoutMs = hard ? Number.POSITIVE_INFINITY : timeoutMs;
    this.#sweep = new Sweep(timeoutMs, (nowMs) => this.#endLate(nowMs));
  }

  attach(recoverer: Recoverer): void {
    this.#recoverer = recoverer;
  }

  get server(): string {
    return this.rpc.name;
  }

  get session(): Session | null {
    return this.#session;
  }

  /** Reads and writes that may be in flight at once: one slot is kept for what is awaited, where there are several. */
  get dataSlots(): number {
    const usable = this.#session?.slots.usable ?? 0;
    return usable > 1 ? usable - 1 : usable;
  }

  /** Whether anybody waits for the session to come back. */
  get isAwaited(): boolean {
    return !this.#queues.empty || this.#delays.size > 0;
  }

  /** Answers nothing before it returns. */
  submit(call: SessionCall): void {
    call.deadlineMs = performance.now() + this.timeoutMs;
    this.#queues.push(call);
    // What cannot be sent is told later, not from within.
    if (this.#closed !== null || call.file?.isLost === true) queueMicrotask(() => this.#pump());
    else this.#pump();
  }

  /** Takes back what waits; what is at the server is abandoned. Fails with ECANCELED, not before this returns. */
  abandon(call: SessionCall): void {
    if (call.isAbandoned) return;
    call.isAbandoned = true;
    if (call.slot >= 0 && call.timer === null) {
      this.#withdraw(call);
      return;
    }
    this.#delays.remove(call);
    this.#queues.remove(call);
    queueMicrotask(() => {
      this.failed(call, systemError('ECANCELED', `a call to ${this.server} was given up`), false);
    });
  }

  // ---- sending ----

  /** Only calls of recovery go until `resume`. */
  pause(): void {
    this.#open = false;
  }

  /** A new session: what was sent in the old one comes back by itself, and goes out in this one. */
  install(session: Session): void {
    this.#session = session;
    this.lastRenewedMs = performance.now();
    this.#pump();
    this.onSlots();
  }

  resume(): void {
    this.#open = true;
    this.#pump();
  }

  isCurrent(session: Session): boolean {
    return session === this.#session && this.#closed === null;
  }

  send(call: RpcCall): void {
    this.rpc.call(call);
  }

  slotFreed(): void {
    this.#pump();
  }

  sessionLost(session: Session, status: number): void {
    if (this.isCurrent(session)) this.#recoverer?.sessionLost(status);
  }

  #pump(): void {
    for (;;) {
      const ends = this.#closed !== null;
      const call = this.#queues.first(ends || this.#open, ends || this.#dataInFlight < this.dataSlots);
      if (call === null) break;
      const failure = this.#closed ?? call.file?.failure ?? null;
      if (failure !== null) {
        this.#queues.remove(call);
        call.giveUp(failure, !call.mayHaveRun);
        continue;
      }
      const slot = this.#session?.slots.acquire() ?? -1;
      if (slot < 0) break;
      this.#queues.remove(call);
      this.#start(call, slot);
    }
    if (this.#queues.empty) return;
    if (this.timeoutMs < Number.POSITIVE_INFINITY) this.#sweep.arm();
    if (!this.#open) this.#recoverer?.wanted();
  }

  #start(call: SessionCall, slot: number): void {
    const session = this.#session;
    assert(session !== null, 'a slot is of a session');
    call.take(session, slot, this.#recoverer?.epoch ?? 0);
    if (call.lane === 'data') this.#dataInFlight++;
    this.#limit(call);
    this.rpc.call(call);
  }

  /** The connection gives each sending the whole time: what was sent before has less left. */
  #limit(call: SessionCall): void {
    const leftMs = call.deadlineMs - performance.now();
    if (leftMs >= this.timeoutMs - LIMIT_SLACK_MS) return;
    call.limit = setTimeout(() => {
      call.limit = null;
      call.isLate = true;
      this.#withdraw(call);
    }, leftMs);
  }

  /** The slot is free again once the answer, which nobody reads, has come, or its connection has ended and a fence stands. */
  #withdraw(call: SessionCall): void {
    const { session, slot, sequence } = call;
    call.isWithdrawn = true;
    this.rpc.abandon(call, (answered) => {
      if (session === null || !session.slots.isLost(slot, sequence)) return;
      if (!answered) this.#fence(session, slot);
      else {
        session.slots.fenced(slot);
        this.#pump();
      }
    });
  }

  #fence(session: Session, slot: number): void {
    if (this.isCurrent(session)) this.send(new Fence(this, session, slot));
  }

  /** The call holds its slot no longer; what becomes of the slot is said by whoever calls. */
  #leaveSlot(call: SessionCall): void {
    call.slot = -1;
    if (call.limit !== null) clearTimeout(call.limit);
    call.limit = null;
    if (call.lane === 'data') this.#dataInFlight--;
  }

  // ---- answers ----

  replied(call: SessionCall, xdr: XdrReader, resent: boolean, payloadBytes: number): void {
    const { session } = call;
    assert(session !== null && call.slot >= 0, 'what is answered holds a slot');
    const result = this.#result;
    readSequence(xdr, session.id, result);
    if (resent) call.resent = true;
    switch (afterSequence(result.status)) {
      case 'done':
        this.#accepted(call, session, xdr, payloadBytes);
        break;
      case 'again':
        // It keeps its slot and its number.
        this.#delay(call, 'delay', result.status);
        break;
      case 'answered-before':
        session.slots.accepted(call.slot);
        this.#leaveSlot(call);
        this.#answeredBefore(call, new StatusError(result.status, OP.SEQUENCE, true));
        break;
      case 'session':
        this.#leaveSlot(call);
        // The first copy may have been carried out by a server that has ended since.
        if (call.resent) call.mayHaveRun = true;
        this.sessionLost(session, result.status);
        this.#sendAnew(call, result.status);
        break;
      case 'fail':
        session.slots.refused(call.slot);
        this.#leaveSlot(call);
        call.refuse(new StatusError(result.status, OP.SEQUENCE, call.mayHaveRun));
        break;
    }
    this.#pump();
  }

  #accepted(call: SessionCall, session: Session, xdr: XdrReader, payloadBytes: number): void {
    const result = this.#result;
    if (result.slot !== call.slot || result.sequence !== call.sequence)
      throw new XdrError(`slot ${result.slot}, number ${result.sequence} answer ${call.slot}, ${call.sequence}`);
    session.slots.accepted(call.slot);
    if (session.slots.setTarget(result.targetHighestSlot)) this.onSlots();
    this.#leaveSlot(call);
    if (session === this.#session) {
      this.lastRenewedMs = performance.now();
      this.#recoverer?.flagged(result.flags);
    }
    try {
      call.complete(xdr, result.rest, payloadBytes);
    } catch (error) {
      if (error instanceof StatusError) return this.#refused(call, error);
      // Whatever the answer was meant to say: the server had the call.
      call.mayHaveRun = true;
      throw error;
    }
  }

  #refused(call: SessionCall, error: StatusError): void {
    call.mayHaveRun ||= error.mayHaveRun;
    const decision = afterOperation(error.status);
    if (decision === 'delay' || decision === 'grace') {
      if (call.mayHaveRun && !call.repeatable) call.answerLost();
      else this.#delay(call, decision, error.status);
      return;
    }
    if (decision === 'answered-before') {
      this.#answeredBefore(call, error);
      return;
    }
    const { file } = call;
    // What recovery itself sends is recovery's to judge.
    if (decision === 'fail' || call.lane === 'recovery' || (decision === 'state' && file === null)) {
      call.refuse(error.of(call.mayHaveRun));
      return;
    }
    const changed = file === null ? call.epoch !== this.#recoverer?.epoch : call.fileEpoch !== file.epoch;
    if (!changed) {
      if (++call.stateChecks > STATE_CHECKS_MAX) {
        call.refuse(error.of(call.mayHaveRun));
        return;
      }
      if (decision === 'client') this.#recoverer?.clientLost();
      else this.#recoverer?.checkStates();
    }
    this.#sendAnew(call, error.status);
  }

  /** The first sending was carried out, and its answer is gone. Of what was sent once that is nonsense. */
  #answeredBefore(call: SessionCall, error: StatusError): void {
    call.mayHaveRun = true;
    if (!call.resent && ++call.stateChecks > STATE_CHECKS_MAX) call.refuse(error);
    else this.#sendAnew(call, error.status);
  }

  failed(call: SessionCall, error: DioriteError, unsent: boolean): void {
    const { session, slot } = call;
    if (session !== null && slot >= 0) {
      this.#leaveSlot(call);
      if (unsent && !call.resent) session.slots.refused(slot);
      else {
        call.mayHaveRun = true;
        session.slots.lose(slot);
        // Of one that was withdrawn the connection tells what becomes of it.
        if (!call.isWithdrawn) this.#fence(session, slot);
      }
    }
    call.giveUp(call.isLate ? this.#late('no answer') : error, !call.mayHaveRun);
    this.#pump();
  }

  // ---- waiting ----

  /** Under a new number, in a new session if need be. */
  #sendAnew(call: SessionCall, status: number): void {
    if (call.lane === 'recovery') {
      // The session that it would wait for is made by whoever waits for it.
      call.refuse(new StatusError(status, OP.SEQUENCE, call.mayHaveRun));
      return;
    }
    if (call.mayHaveRun && !call.repeatable) call.answerLost();
    else if (performance.now() >= call.deadlineMs) this.#timeOut(call, 'no session');
    else this.#queues.push(call);
  }

  #delay(call: SessionCall, decision: 'delay' | 'grace', status: number): void {
    const leftMs = call.deadlineMs - performance.now();
    if (leftMs < 2 * DELAY_FIRST_MS) {
      this.#timeOut(call, statusName(status));
      return;
    }
    // What is left is for the answer too.
    call.delayMs = Math.min(nextDelayMs(call.delayMs, decision), leftMs / 2);
    this.#delays.add(call, call.delayMs);
  }

  #delayOver(call: SessionCall): void {
    if (call.slot < 0) {
      this.#queues.push(call);
      this.#pump();
      return;
    }
    // It kept its slot; the session may be another by now.
    if (call.session !== null && this.isCurrent(call.session)) {
      call.resent = true;
      this.rpc.call(call);
      return;
    }
    this.#leaveSlot(call);
    call.mayHaveRun = true;
    this.#sendAnew(call, STATUS.BADSESSION);
    this.#pump();
  }

  #timeOut(call: SessionCall, why: string): void {
    this.failed(call, this.#late(why), false);
  }

  #late(why: string): DioriteError {
    return systemError('ETIMEDOUT', `${this.server}: not done in ${this.timeoutMs / 1000} s: ${why}`);
  }

  #endLate(nowMs: number): void {
    for (const call of this.#queues.all()) {
      if (nowMs < call.deadlineMs) continue;
      this.#queues.remove(call);
      this.#timeOut(call, 'no free slot, or no session');
    }
    if (!this.#queues.empty) this.#sweep.arm();
  }

  /** Recovery cannot go on: nobody waits for it any longer. */
  failWaiting(error: DioriteError): void {
    for (const call of this.#queues.all()) {
      this.#queues.remove(call);
      call.giveUp(error, !call.mayHaveRun);
    }
  }

  /** What comes from now on, and what waits, fails. */
  close(): void {
    if (this.#closed !== null) return;
    this.#closed = errors.make('ERR_DIORITE_CLOSED', `the connection to ${this.server} is closed`);
    for (const call of this.#delays.clear()) this.#queues.push(call);
    this.#sweep.stop();
    this.#pump();
  }
}
