// READ and WRITE as reused objects: their arguments, their answers, where a READ's bytes go. No promise, no closure.
import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import type { SegmentList } from '../../../plan/request.js';
import { type Committed, FILE_SYNC, type IoCall } from '../protocol.js';
import type { PayloadPlace, ReplySink, RpcCall } from '../rpc/call.js';
import { STATUS } from '../status.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { skipConsistency, skipOptionalAttributes } from './attributes.js';
import { NFS_PROGRAM, NFS_VERSION, PROCEDURE } from './constants.js';

/** READ3res up to the data: status, post_op_attr, count, eof, the data's length. */
const READ_HEADER_BYTES: number = 4 + (4 + 84) + 4 + 4 + 4;

/** Who starts the calls and takes them back. */
export interface DataOwner {
  /** The server's status is no OK. */
  refused(call: DataCall, status: number): void;
  /** It serves another IoCall from now on. */
  release(call: DataCall): void;
  /** What was released may be used: said once the IoCall was told. */
  released(): void;
}

/** `waiting`: for room; `pausing`: the server said JUKEBOX; `leaving`: given up before it was sent. */
export type DataCallState = 'idle' | 'waiting' | 'sent' | 'pausing' | 'leaving';

export abstract class DataCall implements RpcCall {
  readonly program: number = NFS_PROGRAM;
  readonly version: number = NFS_VERSION;
  abstract readonly procedure: number;
  abstract readonly sink: ReplySink | null;
  state: DataCallState = 'idle';
  startedMs = 0;
  /** How often the server has said JUKEBOX. */
  pauses = 0;
  timer: NodeJS.Timeout | null = null;
  /** It was sent more than once before an answer came. */
  resent = false;
  protected readonly owner: DataOwner;
  #io: IoCall | null = null;

  constructor(owner: DataOwner) {
    this.owner = owner;
  }

  /** Null: none, it may be reused. */
  get served(): IoCall | null {
    return this.#io;
  }

  protected get io(): IoCall {
    const io = this.#io;
    assert(io !== null, 'a call that is not started is neither sent nor answered');
    return io;
  }

  begin(io: IoCall): void {
    assert(this.#io === null, 'a call serves one read or write at a time');
    this.#io = io;
    this.startedMs = performance.now();
    this.pauses = 0;
    this.resent = false;
  }

  /** For messages. */
  abstract get what(): string;
  abstract encode(xdr: XdrWriter): void;
  abstract replied(xdr: XdrReader, resent: boolean, payloadBytes: number): void;

  /** Free again: what is left to do is to tell the IoCall. */
  protected end(): IoCall {
    const { io } = this;
    this.#io = null;
    this.state = 'idle';
    this.owner.release(this);
    return io;
  }

  failed(error: DioriteError, unsent: boolean): void {
    const reached = !unsent || this.pauses > 0;
    const { resent } = this;
    this.end().failed(error, !reached, resent);
    this.owner.released();
  }
}

export class ReadCall extends DataCall implements ReplySink, PayloadPlace {
  readonly procedure: number = PROCEDURE.READ;
  readonly headerBytes: number = READ_HEADER_BYTES;
  copiedBytes = 0;
  start = 0;
  length = 0;

  get sink(): ReplySink {
    return this;
  }

  get segments(): SegmentList {
    return this.io.segments;
  }

  get bytes(): number {
    return this.io.bytes;
  }

  get what(): string {
    return `READ ${this.io.bytes} bytes at ${this.io.offset}`;
  }

  override begin(io: IoCall): void {
    super.begin(io);
    this.copiedBytes = 0;
  }

  encode(xdr: XdrWriter): void {
    const { file, offset, bytes } = this.io;
    xdr.opaque(file.handle);
    xdr.u64(offset);
    xdr.u32(bytes);
  }

  locate(head: XdrReader): PayloadPlace | null {
    const from = head.offset;
    if (head.u32() !== STATUS.OK) return null;
    skipOptionalAttributes(head);
    // count and eof
    head.skip(8);
    this.length = head.u32();
    this.start = head.offset - from;
    if (this.length > this.io.bytes) throw moreThanAsked('READ', this.length, this.io.bytes);
    return this.length === 0 ? null : this;
  }

  replied(xdr: XdrReader, resent: boolean, payloadBytes: number): void {
    this.resent ||= resent;
    const status = xdr.u32();
    if (status !== STATUS.OK) return this.owner.refused(this, status);
    skipOptionalAttributes(xdr);
    const count = xdr.u32();
    const isEnd = xdr.bool();
    const length = xdr.u32();
    if (length !== payloadBytes) throw new XdrError(`READ answers ${length} bytes, and ${payloadBytes} came`);
    const { copiedBytes } = this;
    // Servers are known to send more data than they count.
    this.end().readDone(Math.min(count, length), isEnd, copiedBytes);
    this.owner.released();
  }
}

export class WriteCall extends DataCall {
  readonly procedure: number = PROCEDURE.WRITE;
  readonly sink: null = null;
  stable: Committed = FILE_SYNC;

  get what(): string {
    return `WRITE ${this.io.bytes} bytes at ${this.io.offset}`;
  }

  encode(xdr: XdrWriter): void {
    const { file, offset, bytes, segments } = this.io;
    xdr.opaque(file.handle);
    xdr.u64(offset);
    xdr.u32(bytes);
    xdr.u32(this.stable);
    xdr.payload(segments, bytes);
  }

  replied(xdr: XdrReader, resent: boolean): void {
    this.resent ||= resent;
    const status = xdr.u32();
    if (status !== STATUS.OK) return this.owner.refused(this, status);
    skipConsistency(xdr);
    const count = xdr.u32();
    const committed = readCommitted(xdr);
    const verifier = xdr.u64();
    if (count > this.io.bytes) throw moreThanAsked('WRITE', count, this.io.bytes);
    this.end().writeDone(count, committed, verifier);
    this.owner.released();
  }
}

/** stable_how */
function readCommitted(xdr: XdrReader): Committed {
  const how = xdr.u32();
  if (how === 0 || how === 1 || how === 2) return how;
  throw new XdrError(`WRITE answers that it is stable in way ${how}`);
}

function moreThanAsked(operation: string, bytes: number, asked: number): XdrError {
  return new XdrError(`${operation} answers ${bytes} bytes where ${asked} were asked for`);
}
