// READ and WRITE: one reused object per call in flight, no promise, no closure, the payload never copied on its way out.
import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import { SegmentList } from '../../../plan/request.js';
import type { Committed, IoCall } from '../protocol.js';
import type { PayloadPlace, ReplySink } from '../rpc/call.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { StatusError } from './compound.js';
import { OP, STATUS } from './constants.js';
import { type OpenFile, ours } from './open-file.js';
import { type CallHandler, forCall, type Lane, SessionCall } from './session-call.js';

/** Compound: status, tag's length, count. Each result: operation, status. SEQUENCE: id and five words. READ: eof, length. */
const COMPOUND_HEAD_BYTES = 3 * 4;
const RESULT_HEAD_BYTES = 2 * 4;
const SEQUENCE_BYTES = RESULT_HEAD_BYTES + 16 + 5 * 4;
const READ_HEAD_BYTES = COMPOUND_HEAD_BYTES + SEQUENCE_BYTES + RESULT_HEAD_BYTES + RESULT_HEAD_BYTES + 2 * 4;

const NO_SEGMENTS = new SegmentList();

interface Place extends PayloadPlace {
  start: number;
  length: number;
}

export class DataCall extends SessionCall implements ReplySink {
  readonly lane: Lane = 'data';
  readonly operations = 2;
  // The server need not keep megabytes: both can be repeated.
  readonly cached = false;
  readonly repeatable = true;
  readonly headerBytes: number = READ_HEAD_BYTES;
  copiedBytes = 0;

  readonly #settled: (call: DataCall) => void;
  readonly #place: Place = { start: READ_HEAD_BYTES, length: 0 };
  #io: IoCall | null = null;
  #file: OpenFile | null = null;
  /** Null: a READ. */
  #stable: Committed | null = null;

  /** `settled`: the object is free for another call, before the caller is told. */
  constructor(handler: CallHandler, settled: (call: DataCall) => void) {
    super(handler);
    this.#settled = settled;
  }

  set(io: IoCall, stable: Committed | null): void {
    assert(this.#io === null, 'a call object serves one call at a time');
    this.renew();
    this.#io = io;
    this.#file = ours(io.file);
    this.#stable = stable;
    this.copiedBytes = 0;
  }

  get io(): IoCall | null {
    return this.#io;
  }

  get file(): OpenFile | null {
    return this.#file;
  }

  get what(): string {
    const io = this.#io;
    const what = this.#stable === null ? 'READ' : 'WRITE';
    return `${what} ${this.#file?.name ?? ''} at ${io?.offset ?? 0}, ${io?.bytes ?? 0} bytes`;
  }

  get sink(): ReplySink | null {
    return this.#stable === null ? this : null;
  }

  get segments(): SegmentList {
    return this.#io?.segments ?? NO_SEGMENTS;
  }

  get bytes(): number {
    return this.#io?.bytes ?? 0;
  }

  encodeOperations(xdr: XdrWriter): void {
    const io = this.#io;
    const file = this.#file;
    assert(io !== null && file !== null, 'a call in flight has its request');
    xdr.u32(OP.PUTFH);
    xdr.opaque(file.handle);
    xdr.u32(this.#stable === null ? OP.READ : OP.WRITE);
    xdr.fixed(file.stateid);
    xdr.u64(io.offset);
    if (this.#stable === null) {
      xdr.u32(io.bytes);
      return;
    }
    xdr.u32(this.#stable);
    xdr.payload(io.segments, io.bytes);
  }

  /** Steps over what a READ's answer begins with; null: it is no success, and `complete` says what it is. */
  locate(head: XdrReader): PayloadPlace | null {
    const from = head.offset;
    if (head.u32() !== STATUS.OK) return null;
    if (head.u32() !== 0) throw new XdrError('a tag answers an empty one');
    // `complete` reads all this again with care: here only the place counts.
    head.skip(4 + SEQUENCE_BYTES + RESULT_HEAD_BYTES);
    if (head.u32() !== OP.READ || head.u32() !== STATUS.OK) return null;
    head.skip(4);
    const place = this.#place;
    place.length = head.u32();
    place.start = head.offset - from;
    return place;
  }

  complete(xdr: XdrReader, count: number, payloadBytes: number): void {
    const operation = this.#stable === null ? OP.READ : OP.WRITE;
    readStatus(xdr, count, OP.PUTFH);
    readStatus(xdr, count - 1, operation);
    if (this.#stable === null) this.#completeRead(xdr, payloadBytes);
    else this.#completeWrite(xdr);
  }

  #completeRead(xdr: XdrReader, payloadBytes: number): void {
    const end = xdr.bool();
    const length = xdr.u32();
    if (length > this.bytes) throw new XdrError(`${length} bytes answer a READ of ${this.bytes}`);
    if (length !== payloadBytes) throw new XdrError(`${payloadBytes} bytes came where ${length} were announced`);
    const { copiedBytes } = this;
    this.#free().readDone(length, end, copiedBytes);
  }

  #completeWrite(xdr: XdrReader): void {
    const bytes = xdr.u32();
    const committed = xdr.u32();
    const verifier = xdr.u64();
    if (bytes > this.bytes) throw new XdrError(`${bytes} bytes are written of ${this.bytes}`);
    if (committed !== 0 && committed !== 1 && committed !== 2) throw new XdrError(`stable_how ${committed}`);
    this.#free().writeDone(bytes, committed, verifier);
  }

  refuse(error: StatusError): void {
    const named = this.handler.named(error, this.what);
    this.#free().failed(named, false, error.mayHaveRun);
  }

  giveUp(error: DioriteError, unsent: boolean): void {
    const told = forCall(error, this.what);
    this.#free().failed(told, unsent, !unsent);
  }

  answerLost(): void {
    assert(false, 'READ and WRITE are repeated');
  }

  /** The request is let go of first: whoever is told may start the next with this very object. */
  #free(): IoCall {
    const io = this.#io;
    assert(io !== null, 'a call is settled once');
    this.#io = null;
    this.#file = null;
    this.#settled(this);
    return io;
  }
}

function readStatus(xdr: XdrReader, count: number, operation: number): void {
  if (count <= 0) throw new XdrError(`no result of operation ${operation}`);
  const answered = xdr.u32();
  const status = xdr.u32();
  if (answered !== operation) throw new XdrError(`operation ${answered} is answered where ${operation} was sent`);
  if (status !== STATUS.OK) throw new StatusError(status, operation, false);
}
