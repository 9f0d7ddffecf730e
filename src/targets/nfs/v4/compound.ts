// COMPOUND: several operations in one call, carried out in order until one fails (RFC 8881 §16.2).
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { OP, SESSION_ID_BYTES, STATUS } from './constants.js';

const NO_TAG = new Uint8Array(0);

/** What the client sends at most, and more than it: a server answers no operation that was not sent. */
export const OPERATIONS_MAX = 16;

/** An operation that the server refused. The caller names server and path and makes a DioriteError of it. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;
  readonly operation: number;
  /** An earlier attempt, or an operation of this compound before the one that failed, may have had its effect. */
  readonly mayHaveRun: boolean;

  constructor(status: number, operation: number, mayHaveRun: boolean) {
    super(`operation ${operation}: status ${status}`);
    this.status = status;
    this.operation = operation;
    this.mayHaveRun = mayHaveRun;
  }

  /** The same of a call that may have been carried out, or not. */
  of(mayHaveRun: boolean): StatusError {
    return mayHaveRun === this.mayHaveRun ? this : new StatusError(this.status, this.operation, mayHaveRun);
  }
}

/** The head of a compound of `operations` operations: tag, minor version, how many. */
export function writeCompoundHead(xdr: XdrWriter, minorVersion: number, operations: number): void {
  xdr.opaque(NO_TAG);
  xdr.u32(minorVersion);
  xdr.u32(operations);
}

/** What SEQUENCE answered; one object is filled again and again. */
export class SequenceResult {
  /** The compound's own status: that of its last operation. */
  compoundStatus = 0;
  /** Of SEQUENCE; the compound's where not even it was answered (MINOR_VERS_MISMATCH). */
  status = 0;
  /** Results that follow SEQUENCE's. */
  rest = 0;
  sequence = 0;
  slot = 0;
  targetHighestSlot = 0;
  flags = 0;
}

/** Status, tag (ours is empty, and the server repeats it), how many results. */
function readCompoundHead(xdr: XdrReader, result: SequenceResult): number {
  result.compoundStatus = xdr.u32();
  const tagBytes = xdr.u32();
  if (tagBytes !== 0) throw new XdrError(`a tag of ${tagBytes} bytes answers an empty one`);
  const count = xdr.u32();
  if (count > OPERATIONS_MAX) throw new XdrError(`${count} results`);
  return count;
}

/** Reads up to where the second operation's result begins. `sessionId`: the one that was sent. */
export function readSequence(xdr: XdrReader, sessionId: Uint8Array, result: SequenceResult): void {
  const count = readCompoundHead(xdr, result);
  result.rest = Math.max(0, count - 1);
  result.status = result.compoundStatus;
  if (count === 0) {
    if (result.status === STATUS.OK) throw new XdrError('a compound succeeded without a result');
    return;
  }
  const operation = xdr.u32();
  if (operation !== OP.SEQUENCE) throw new XdrError(`operation ${operation} is answered where SEQUENCE was sent`);
  result.status = xdr.u32();
  if (result.status !== STATUS.OK) return;
  const id = xdr.fixed(SESSION_ID_BYTES);
  for (let i = 0; i < SESSION_ID_BYTES; i++) {
    if (id[i] !== sessionId[i]) throw new XdrError('the answer is of another session');
  }
  result.sequence = xdr.u32();
  result.slot = xdr.u32();
  xdr.u32();
  result.targetHighestSlot = xdr.u32();
  result.flags = xdr.u32();
}

/** Goes through the results of a compound one by one, as they were asked for. */
export class CompoundReader {
  readonly xdr: XdrReader;
  #rest: number;
  readonly #effect: number;
  #mayHaveRun: boolean;

  /** `effect`: the operation that changes something: once it has succeeded, what fails behind it does not undo it. */
  constructor(xdr: XdrReader, count: number, effect: number | null = null, mayHaveRun = false) {
    this.xdr = xdr;
    this.#rest = count;
    this.#effect = effect ?? -1;
    this.#mayHaveRun = mayHaveRun;
  }

  /** Of a compound without SEQUENCE. */
  static withoutSequence(xdr: XdrReader): CompoundReader {
    const head = new SequenceResult();
    const count = readCompoundHead(xdr, head);
    if (count > 0) return new CompoundReader(xdr, count);
    if (head.compoundStatus === STATUS.OK) throw new XdrError('a compound succeeded without a result');
    throw new StatusError(head.compoundStatus, 0, false);
  }

  /** The effect was had already by an earlier attempt, or by this one as far as it was read. */
  get mayHaveRun(): boolean {
    return this.#mayHaveRun;
  }

  /** Steps to the result of `operation`; what it holds beyond its status is the caller's to read. Throws its status. */
  next(operation: number): this {
    if (this.#rest === 0) throw new XdrError(`no result of operation ${operation}`);
    this.#rest--;
    const answered = this.xdr.u32();
    const status = this.xdr.u32();
    // RFC 8881 §18.52: a server that knows the number not at all answers ILLEGAL in its place.
    if (answered !== operation && status !== STATUS.OP_ILLEGAL)
      throw new XdrError(`operation ${answered} is answered where ${operation} was sent`);
    if (status !== STATUS.OK) throw new StatusError(status, operation, this.#mayHaveRun);
    if (operation === this.#effect) this.#mayHaveRun = true;
    return this;
  }
}
