// Reads and writes in flight: a bounded number of reused calls, those beyond it in order, JUKEBOX waited out.
import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import type { Committed, IoCall } from '../protocol.js';
import type { Rpc } from '../rpc/call.js';
import { systemError } from '../rpc/rejections.js';
import { nfsError, STATUS, statusName } from '../status.js';
import { timeoutError } from './asker.js';
import { type DataCall, type DataOwner, ReadCall, WriteCall } from './data-calls.js';
import { pauseMs } from './patience.js';

export interface DataPathOptions {
  readonly rpc: Rpc;
  readonly timeoutMs: number;
  readonly hard: boolean;
  /** How many calls are in flight at most. */
  readonly callsMax: number;
}

export class DataPath implements DataOwner {
  readonly #rpc: Rpc;
  readonly #timeoutMs: number;
  readonly #callsMax: number;
  /** Every call that was ever made, in flight or free. */
  readonly #all: DataCall[] = [];
  readonly #freeReads: ReadCall[] = [];
  readonly #freeWrites: WriteCall[] = [];
  readonly #waiting: DataCall[] = [];
  readonly #roomWanted: (() => void)[] = [];
  /** Calls that have room: sent or pausing. */
  #active = 0;

  constructor({ rpc, timeoutMs, hard, callsMax }: DataPathOptions) {
    this.#rpc = rpc;
    this.#timeoutMs = hard ? Number.POSITIVE_INFINITY : timeoutMs;
    this.#callsMax = callsMax;
  }

  get room(): number {
    return Math.max(0, this.#callsMax - this.#active - this.#waiting.length);
  }

  get idle(): boolean {
    return this.#active + this.#waiting.length === 0;
  }

  onceRoom(callback: () => void): void {
    this.#roomWanted.push(callback);
    if (this.room > 0) queueMicrotask(() => this.released());
  }

  startRead(io: IoCall): void {
    const call = this.#freeReads.pop() ?? this.#made(new ReadCall(this));
    call.begin(io);
    this.#start(call);
  }

  startWrite(io: IoCall, stable: Committed): void {
    const call = this.#freeWrites.pop() ?? this.#made(new WriteCall(this));
    call.begin(io);
    call.stable = stable;
    this.#start(call);
  }

  #made<Call extends DataCall>(call: Call): Call {
    this.#all.push(call);
    return call;
  }

  #start(call: DataCall): void {
    if (this.#active < this.#callsMax) {
      this.#active++;
      return this.#send(call);
    }
    call.state = 'waiting';
    this.#waiting.push(call);
  }

  #send(call: DataCall): void {
    call.state = 'sent';
    this.#rpc.call(call);
  }

  refused(call: DataCall, status: number): void {
    if (status !== STATUS.JUKEBOX)
      return call.failed(nfsError(status, call.what, this.#rpc.name, undefined, 'NFS3ERR'), false);
    const waitMs = pauseMs(call.pauses++, call.startedMs, performance.now(), this.#timeoutMs);
    if (waitMs === null) return call.failed(this.#timeout(call), false);
    call.state = 'pausing';
    call.timer = setTimeout(() => this.#send(call), waitMs);
  }

  #timeout(call: DataCall): DioriteError {
    return timeoutError(this.#rpc.name, call.what, statusName(STATUS.JUKEBOX, 'NFS3ERR'), this.#timeoutMs);
  }

  abandon(io: IoCall): void {
    const call = this.#all.find(({ served }) => served === io);
    if (call === undefined || call.state === 'leaving') return;
    if (call.state === 'sent') {
      this.#rpc.abandon(call);
      return;
    }
    const unsent = call.state === 'waiting';
    if (unsent) {
      this.#waiting.splice(this.#waiting.indexOf(call), 1);
      this.#active++;
    } else if (call.timer !== null) clearTimeout(call.timer);
    call.state = 'leaving';
    const error = systemError('ECANCELED', `${this.#rpc.name}: ${call.what}: given up`);
    queueMicrotask(() => call.failed(error, unsent));
  }

  release(call: DataCall): void {
    assert(this.#active > 0, 'only what is in flight comes back');
    this.#active--;
    if (call instanceof ReadCall) this.#freeReads.push(call);
    else if (call instanceof WriteCall) this.#freeWrites.push(call);
    if (this.#active >= this.#callsMax) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#active++;
    this.#send(next);
  }

  released(): void {
    while (this.room > 0) {
      const callback = this.#roomWanted.shift();
      if (callback === undefined) return;
      callback();
    }
  }
}
