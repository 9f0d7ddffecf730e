// READ and WRITE on the fake server: slots, memory that is the protocol's while a call is in flight, short answers.
import { DioriteError } from '../../../src/base/errors.js';
import type { SegmentList } from '../../../src/plan/request.js';
import { type Committed, FILE_SYNC, type IoCall, UNSTABLE } from '../../../src/targets/nfs/protocol.js';
import type { FakeAnswers } from './answers.js';
import type { Fault } from './faults.js';
import { type FakeNode, fakeError } from './tree.js';

export interface FakeIoHost {
  readonly answers: FakeAnswers;
  readonly slots: number;
  readonly verifier: bigint;
  readBytesMax: number;
  writeBytesMax: number;
  now(): bigint;
  restart(): void;
  /** The file's node; throws ESTALE, EBADF. */
  nodeOf(call: IoCall, direction: 'read' | 'write'): FakeNode;
  /** The call's number, and what goes wrong with it. */
  fault(operation: 'startRead' | 'startWrite', call: IoCall): Fault;
}

interface Pending {
  readonly call: IoCall;
  readonly direction: 'read' | 'write';
  readonly stable: Committed;
  /** Null: it waits for a slot. */
  takeBack: (() => boolean) | null;
}

export class FakeIo {
  /** Started and not answered, those that wait for a slot included. */
  readonly #pending = new Map<IoCall, Pending>();
  readonly #waiting: Pending[] = [];
  readonly #roomCallbacks: (() => void)[] = [];
  readonly #host: FakeIoHost;
  #inSlots = 0;
  /** The most slots that were in use at a time. */
  mostInFlight = 0;

  constructor(host: FakeIoHost) {
    this.#host = host;
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  get room(): number {
    return Math.max(0, this.#host.slots - this.#inSlots - this.#waiting.length);
  }

  onceRoom(callback: () => void): void {
    this.#roomCallbacks.push(callback);
    if (this.room > 0) this.#host.answers.later(() => this.#tellRoom(), false);
  }

  start(call: IoCall, direction: 'read' | 'write', stable: Committed): void {
    if (this.#pending.has(call)) throw new Error('a call was started that is in flight');
    const most = direction === 'read' ? this.#host.readBytesMax : this.#host.writeBytesMax;
    if (call.bytes < 1 || call.bytes > most) throw new Error(`${direction} of ${call.bytes} bytes, at most ${most}`);
    const pending: Pending = { call, direction, stable, takeBack: null };
    this.#pending.set(call, pending);
    if (this.#inSlots < this.#host.slots) this.#arrive(pending);
    else this.#waiting.push(pending);
  }

  abandon(call: IoCall): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    const place = this.#waiting.indexOf(pending);
    const waits = place >= 0;
    if (waits) this.#waiting.splice(place, 1);
    else if (pending.takeBack?.() !== true) return;
    const error = new DioriteError('fake:2049: given up', { code: 'ECANCELED' });
    this.#host.answers.later(() => this.#settle(pending, () => call.failed(error, waits, false), !waits), false);
  }

  #arrive(pending: Pending): void {
    this.#inSlots++;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inSlots);
    const { call, direction, stable } = pending;
    const host = this.#host;
    const fault = host.fault(direction === 'read' ? 'startRead' : 'startWrite', call);
    if (fault.restart === 'before') host.restart();
    const give = direction === 'read' ? this.#read(call, fault) : this.#write(call, stable, fault);
    if (fault.restart === 'after') host.restart();
    pending.takeBack = host.answers.later(() => this.#settle(pending, give, true), fault.hold === true);
  }

  /** The bytes land when it is answered: nothing may count on them before. */
  #read(call: IoCall, fault: Fault): () => void {
    const { error } = fault;
    if (error !== undefined) return () => call.failed(toError(error, 'READ'), fault.unsent === true, false);
    try {
      const node = this.#host.nodeOf(call, 'read');
      const there = Math.max(0, Math.min(call.bytes, node.content.size - call.offset));
      const bytes = Math.min(there, fault.bytes ?? there);
      const end = fault.end ?? call.offset + bytes >= node.content.size;
      const found = new Uint8Array(bytes);
      node.content.read(call.offset, found);
      return () => {
        scatter(call.segments, found);
        call.readDone(bytes, end, 0);
      };
    } catch (problem) {
      return () => call.failed(toError(problem, 'READ'), false, false);
    }
  }

  #write(call: IoCall, stable: Committed, fault: Fault): () => void {
    const sent = gather(call.segments, call.bytes);
    const { error } = fault;
    try {
      if (error === undefined || fault.done === true) this.#store(call, sent, stable, fault);
    } catch (problem) {
      return () => call.failed(toError(problem, 'WRITE'), false, false);
    }
    const { verifier } = this.#host;
    const bytes = Math.min(call.bytes, fault.bytes ?? call.bytes);
    return () => {
      if (!sent.equals(gather(call.segments, call.bytes)))
        throw new Error('memory changed while a WRITE was in flight');
      if (error !== undefined) call.failed(toError(error, 'WRITE'), fault.unsent === true, fault.repeated === true);
      else call.writeDone(bytes, most(stable, fault.committed), verifier);
    };
  }

  #store(call: IoCall, sent: Uint8Array, stable: Committed, fault: Fault): void {
    const node = this.#host.nodeOf(call, 'write');
    const bytes = Math.min(sent.length, fault.bytes ?? sent.length);
    node.content.write(call.offset, sent.subarray(0, bytes), most(stable, fault.committed) !== UNSTABLE);
    node.mtimeNs = this.#host.now();
    node.changed(node.mtimeNs);
  }

  #settle(pending: Pending, give: () => void, hadSlot: boolean): void {
    this.#pending.delete(pending.call);
    if (hadSlot) this.#inSlots--;
    give();
    while (this.#inSlots < this.#host.slots) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#arrive(next);
    }
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.room === 0) return;
    for (const callback of this.#roomCallbacks.splice(0)) callback();
  }
}

function most(asked: Committed, given: Committed | undefined): Committed {
  if (given === undefined || given <= asked) return asked;
  return given === FILE_SYNC ? FILE_SYNC : given;
}

export function toError(given: unknown, what: string): DioriteError {
  if (given instanceof DioriteError) return given;
  if (typeof given === 'string') return fakeError(given, what);
  throw given;
}

function eachSegment(segments: SegmentList, bytes: number, f: (view: Uint8Array, at: number) => void): void {
  let at = 0;
  for (let i = 0; i < segments.count && at < bytes; i++) {
    const buffer = segments.buffer[i];
    if (buffer === null || buffer === undefined) throw new Error('a segment has no memory');
    const length = Math.min(segments.length[i] ?? 0, bytes - at);
    f(new Uint8Array(buffer, segments.byteOffset[i], length), at);
    at += length;
  }
  if (at < bytes) throw new Error(`the segments hold ${at} bytes, ${bytes} are to be moved`);
}

function gather(segments: SegmentList, bytes: number): Buffer {
  const all = Buffer.allocUnsafe(bytes);
  eachSegment(segments, bytes, (view, at) => all.set(view, at));
  return all;
}

function scatter(segments: SegmentList, found: Uint8Array): void {
  eachSegment(segments, found.length, (view, at) => view.set(found.subarray(at, at + view.length)));
}
