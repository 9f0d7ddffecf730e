// NFSv4.1 and 4.2 of the mock: COMPOUND, what may stand where in it, and replies that are given again. RFC 8881 §16.2.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import { type Call, nullWork, type Work } from './program.js';
import { fail, NfsFailure, STATUS } from './status.js';
import { Compound, type Operation, type V4State } from './v4-context.js';
import * as data from './v4-data.js';
import * as handles from './v4-handles.js';
import * as names from './v4-names.js';
import * as opening from './v4-open.js';
import * as sessions from './v4-session-operations.js';

const TAG_BYTES_MAX = 1024;
const OPERATIONS_MAX = 256;
const OP_ILLEGAL = 10044;
const FIRST_OPERATION = 3;
/** RECLAIM_COMPLETE in 4.1, CLONE in 4.2. */
const LAST_OPERATION = { 1: 58, 2: 71 } as const;

type Decoder = (xdr: XdrReader) => Operation;

const DECODERS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [3, handles.access],
  [4, opening.close],
  [5, data.commit],
  [6, names.create],
  [8, opening.delegReturn],
  [9, handles.getAttr],
  [10, handles.getFh],
  [11, names.link],
  [15, names.lookup],
  [16, names.lookupParent],
  [17, (xdr) => handles.verify(xdr, false)],
  [18, opening.open],
  [21, opening.openDowngrade],
  [22, handles.putFh],
  [23, handles.putPubFh],
  [24, handles.putRootFh],
  [25, data.read],
  [26, names.readDir],
  [27, names.readLink],
  [28, names.remove],
  [29, names.rename],
  [31, handles.restoreFh],
  [32, handles.saveFh],
  [33, handles.secInfo],
  [34, handles.setAttr],
  [37, (xdr) => handles.verify(xdr, true)],
  [38, data.write],
  [41, sessions.bindConnection],
  [42, sessions.exchangeId],
  [43, sessions.createSession],
  [44, sessions.destroySession],
  [45, opening.freeStateId],
  [52, handles.secInfoNoName],
  [53, sessions.sequence],
  [55, opening.testStateId],
  [57, sessions.destroyClientId],
  [58, sessions.reclaimComplete],
  [59, data.allocate],
  [60, data.copy],
  [62, data.deallocate],
  [63, data.ioAdvise],
  [66, data.offloadCancel],
  [67, data.offloadStatus],
  [68, data.readPlus],
  [69, data.seek],
  [71, data.clone],
]);

/** What may stand without SEQUENCE, and then alone: RFC 8881 §18.34.3, §18.35.3, §18.36.3, §18.37.3, §18.50.3. */
const WITHOUT_SESSION: ReadonlySet<number> = new Set([41, 42, 43, 44, 57]);

/** An operation that is refused without a look at its arguments: nothing behind it can be decoded. */
function refused(number: number, name: string, status: number): Operation {
  return { name, number, ok: () => fail(status) };
}

function decodeOperation(state: V4State, xdr: XdrReader, minor: 1 | 2): Operation {
  const number = xdr.u32();
  if (number < FIRST_OPERATION || number > LAST_OPERATION[minor])
    return refused(OP_ILLEGAL, 'ILLEGAL', STATUS.OP_ILLEGAL);
  const decoder = DECODERS.get(number);
  if (decoder !== undefined) return decoder(xdr);
  state.world.violation(`COMPOUND: operation ${number}, which this server does not have`);
  return refused(number, `operation ${number}`, STATUS.NOTSUPP);
}

/** The results, with the status before them. */
class Results {
  readonly #out: XdrWriter;
  readonly #statusAt: number;
  readonly #countAt: number;
  #count = 0;
  status: number = STATUS.OK;

  constructor(out: XdrWriter, tag: string) {
    this.#out = out;
    this.#statusAt = out.reserveU32();
    out.string(tag);
    this.#countAt = out.reserveU32();
  }

  get startAt(): number {
    return this.#statusAt;
  }

  /** One more result of this status; what follows it is there already. */
  added(status: number): void {
    this.#count += 1;
    this.status = status;
    this.#out.patchU32(this.#statusAt, status);
    this.#out.patchU32(this.#countAt, this.#count);
  }

  none(status: number): void {
    this.status = status;
    this.#out.patchU32(this.#statusAt, status);
    this.#out.patchU32(this.#countAt, 0);
  }
}

export function decodeV4(state: V4State, call: Call, xdr: XdrReader): Work | null {
  if (call.procedure === 0) return nullWork();
  if (call.procedure !== 1) return null;
  const tag = xdr.string(TAG_BYTES_MAX);
  const minor = xdr.u32();
  const count = xdr.u32();
  if (count > OPERATIONS_MAX) throw new XdrError(`${count} operations`);
  if ((minor !== 1 && minor !== 2) || !state.world.settings.versions.includes(`4.${minor}`)) {
    xdr.skip(xdr.remaining);
    const run = (out: XdrWriter): void => new Results(out, tag).none(STATUS.MINOR_VERS_MISMATCH);
    return { names: ['COMPOUND'], harmful: null, bodyAt: 0, run };
  }
  const operations: Operation[] = [];
  let bodyAt = xdr.offset;
  while (operations.length < count) {
    const operation = decodeOperation(state, xdr, minor);
    operations.push(operation);
    if (operation.name === 'SEQUENCE' && operations.length === 1) bodyAt = xdr.offset;
    if (operation.number === OP_ILLEGAL || !DECODERS.has(operation.number)) {
      xdr.skip(xdr.remaining);
      break;
    }
  }
  const compound = new Compound(state, call, minor, count, call.message.subarray(bodyAt));
  return {
    names: ['COMPOUND', ...operations.map(({ name }) => name)],
    harmful: operations.find(({ isRepeatable }) => isRepeatable === false)?.name ?? null,
    bodyAt,
    run: (out, struck) => runCompound(compound, tag, operations, out, struck),
    isWithoutHarm: () => !compound.isHarmfulDone,
    settled: () => {
      if (compound.slot !== null) compound.slot.isBusy = false;
    },
  };
}

function runCompound(
  compound: Compound,
  tag: string,
  operations: readonly Operation[],
  out: XdrWriter,
  struck: Struck,
): void {
  const results = new Results(out, tag);
  if (operations.length === 0) results.none(STATUS.OK);
  for (const [index, operation] of operations.entries()) {
    const status = runOperation(compound, operation, index, out, struck);
    if (compound.replay !== null && index === 0) {
      replay(compound, results, operations, out);
      return;
    }
    results.added(status);
    if (status !== STATUS.OK) break;
  }
  // What was not to be kept and is SEQUENCE alone can be given again all the same: it is in nobody's way.
  const keeps = compound.cacheThis || operations.length === 1;
  if (compound.slot !== null && keeps) compound.slot.cached = Buffer.from(out.bytes.subarray(results.startAt));
}

/** The results as they were; or SEQUENCE's, and the next operation says that nothing was kept, as Linux does. */
function replay(compound: Compound, results: Results, operations: readonly Operation[], out: XdrWriter): void {
  if (compound.replay !== 'uncached' && compound.replay !== null) {
    out.truncate(results.startAt);
    out.fixed(compound.replay);
    return;
  }
  results.added(STATUS.OK);
  const next = operations[1];
  if (next === undefined) return;
  out.u32(next.number);
  out.u32(STATUS.RETRY_UNCACHED_REP);
  results.added(STATUS.RETRY_UNCACHED_REP);
}

/** Where an operation may stand. */
function checkPlace(compound: Compound, operation: Operation, index: number): void {
  const isSequence = operation.name === 'SEQUENCE';
  if (operation.number === OP_ILLEGAL) return;
  if (index > 0 && isSequence) fail(STATUS.SEQUENCE_POS);
  if (index > 0 || isSequence) return;
  if (!WITHOUT_SESSION.has(operation.number)) fail(STATUS.OP_NOT_IN_SESSION);
  if (compound.length > 1) fail(STATUS.NOT_ONLY_OP);
}

function checkReplySize(compound: Compound, out: XdrWriter): void {
  const { session, cacheThis } = compound;
  if (session === null) return;
  if (out.length > session.fore.responseBytesMax) fail(STATUS.REP_TOO_BIG);
  if (cacheThis && out.length > session.fore.cachedBytesMax) fail(STATUS.REP_TOO_BIG_TO_CACHE);
}

function runOperation(compound: Compound, operation: Operation, index: number, out: XdrWriter, struck: Struck): number {
  const at = out.headBytes;
  const fault = struck.operation(operation.name, 'status');
  try {
    if (fault !== undefined && fault.carriedOut !== true) fail(fault.status);
    checkPlace(compound, operation, index);
    out.u32(operation.number);
    out.u32(STATUS.OK);
    if (operation.isRepeatable === false) compound.isHarmfulDone = true;
    operation.ok(out, compound, struck);
    if (fault !== undefined) fail(fault.status);
    checkReplySize(compound, out);
    return STATUS.OK;
  } catch (error) {
    const status = statusOf(compound, operation, error);
    out.truncate(at);
    out.u32(operation.number);
    out.u32(status);
    operation.failed?.(out, status);
    return status;
  }
}

function statusOf(compound: Compound, operation: Operation, error: unknown): number {
  if (error instanceof NfsFailure) return error.status;
  if (!(error instanceof XdrError)) throw error;
  compound.world.violation(`${operation.name}: ${error.message}`);
  return STATUS.BADXDR;
}
