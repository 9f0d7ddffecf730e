// What the operations of a COMPOUND do to a fake server's files; each gives its status.

import { SegmentList } from '../../../src/plan/request.js';
import { bitmapOf, readBitmap, writeBitmap } from '../../../src/targets/nfs/v4/bitmap.js';
import { ATTRIBUTE, CLAIM_FH, CLAIM_PREVIOUS, OP, STATUS } from '../../../src/targets/nfs/v4/constants.js';
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { type FakeFile, type FakeFiles, type FakeType, readSettings, writeAttributes } from './fake-files.js';

/** What the operations share: where the compound stands, and who asks. */
export interface FakeContext {
  readonly files: FakeFiles;
  readonly clientId: bigint;
  readonly opens: Map<string, FakeOpen>;
  readonly verifier: bigint;
  /** Plain OPENs, READs and WRITEs are refused. */
  readonly inGrace: boolean;
  /** This client may reclaim. */
  readonly mayReclaim: boolean;
  current: FakeFile | null;
  saved: FakeFile | null;
  newStateid(): Uint8Array;
  reclaimed(): number;
}

export interface FakeOpen {
  readonly clientId: bigint;
  readonly file: FakeFile;
  /** What TEST_STATEID says of it, if not OK. */
  status: number;
}

export type FakeOperation = (context: FakeContext, args: XdrReader, results: XdrWriter) => number;

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function changeInfo(results: XdrWriter): void {
  results.bool(true);
  results.u64(1);
  results.u64(2);
}

/** The status of a state that a call shows. */
function stateStatus({ opens, clientId }: FakeContext, stateid: Uint8Array): number {
  const open = opens.get(hexOf(stateid));
  if (open === undefined) return STATUS.BAD_STATEID;
  return open.clientId === clientId ? open.status : STATUS.STALE_STATEID;
}

function open(context: FakeContext, args: XdrReader, results: XdrWriter): number {
  args.skip(3 * 4 + 8);
  args.opaque(1024);
  let create: { mode?: number; verifier: bigint; exclusive: boolean } | null = null;
  if (args.u32() === 1) {
    const exclusive = args.u32() === 3;
    const verifier = exclusive ? args.u64() : 0n;
    create = { ...readSettings(args), verifier, exclusive };
  }
  const claim = args.u32();
  if (claim === CLAIM_PREVIOUS || claim === CLAIM_FH) {
    if (claim === CLAIM_PREVIOUS) args.u32();
    if (claim === CLAIM_PREVIOUS && !context.mayReclaim) return STATUS.NO_GRACE;
    if (claim === CLAIM_FH && context.inGrace) return STATUS.GRACE;
    if (context.current === null) return STATUS.STALE;
    return opened(context, context.current, results, false);
  }
  const name = args.string(255);
  if (context.inGrace) return STATUS.GRACE;
  let file = context.files.names.get(name);
  if (file === undefined) {
    if (create === null) return STATUS.NOENT;
    file = context.files.add(name, 1);
    file.mode = create.mode ?? 0;
    file.verifier = create.verifier;
  } else if (create?.exclusive === true && file.verifier !== create.verifier) return STATUS.EXIST;
  context.current = file;
  return opened(context, file, results, create !== null);
}

function opened(context: FakeContext, file: FakeFile, results: XdrWriter, made: boolean): number {
  const stateid = context.newStateid();
  context.opens.set(hexOf(stateid), { clientId: context.clientId, file, status: STATUS.OK });
  results.fixed(stateid);
  changeInfo(results);
  results.u32(0);
  writeBitmap(results, made ? bitmapOf(ATTRIBUTE.MODE) : []);
  results.u32(0);
  return STATUS.OK;
}

function create({ files }: FakeContext, args: XdrReader, results: XdrWriter, context: FakeContext): number {
  const type = args.u32() as FakeType;
  const data = type === 5 ? Buffer.from(args.string(4096)) : Buffer.alloc(0);
  const name = args.string(255);
  const { mode = 0 } = readSettings(args);
  if (files.names.has(name)) return STATUS.EXIST;
  context.current = files.add(name, type, data);
  context.current.mode = mode;
  changeInfo(results);
  results.u32(0);
  return STATUS.OK;
}

/** READ's payload as the client reads it: a segment list is how a writer takes bytes without a copy. */
function payload(results: XdrWriter, bytes: Uint8Array): void {
  const segments = new SegmentList();
  segments.push(bytes.buffer, bytes.byteOffset, bytes.length, false);
  results.payload(segments, bytes.length);
}

export const OPERATIONS: Readonly<Record<number, FakeOperation>> = {
  [OP.PUTROOTFH](context) {
    context.current = context.files.root;
    return STATUS.OK;
  },
  [OP.PUTFH](context, args) {
    context.current = context.files.ofHandle(args.opaque(128)) ?? null;
    return context.current === null ? STATUS.STALE : STATUS.OK;
  },
  [OP.SAVEFH](context) {
    context.saved = context.current;
    return STATUS.OK;
  },
  [OP.LOOKUP](context, args) {
    context.current = context.files.names.get(args.string(255)) ?? null;
    return context.current === null ? STATUS.NOENT : STATUS.OK;
  },
  [OP.GETFH]({ current, files }, _args, results) {
    if (current === null) return STATUS.STALE;
    results.opaque(files.handleOf(current));
    return STATUS.OK;
  },
  [OP.GETATTR]({ current }, args, results) {
    if (current === null) return STATUS.STALE;
    writeAttributes(results, readBitmap(args), current);
    return STATUS.OK;
  },
  [OP.SETATTR](context, args, results) {
    args.fixed(16);
    const { size, mode } = readSettings(args);
    const { current } = context;
    if (current === null) return STATUS.STALE;
    if (mode !== undefined) current.mode = mode;
    if (size !== undefined) current.data = Buffer.concat([current.data, Buffer.alloc(size)], size);
    results.u32(0);
    return STATUS.OK;
  },
  [OP.VERIFY]: ({ current }, args) => compareType(current, args, STATUS.OK, STATUS.NOT_SAME),
  [OP.NVERIFY]: ({ current }, args) => compareType(current, args, STATUS.SAME, STATUS.OK),
  [OP.OPEN]: open,
  [OP.CLOSE](context, args, results) {
    args.u32();
    const stateid = args.fixed(16);
    const status = stateStatus(context, stateid);
    if (status !== STATUS.OK) return status;
    context.opens.delete(hexOf(stateid));
    results.fixed(stateid);
    return STATUS.OK;
  },
  [OP.READ](context, args, results) {
    const stateid = args.fixed(16);
    const [offset, count] = [args.u64Number(), args.u32()];
    const status = stateStatus(context, stateid);
    const data = context.current?.data;
    if (status !== STATUS.OK || data === undefined) return status;
    results.bool(offset + count >= data.length);
    payload(results, data.subarray(offset, offset + count));
    return STATUS.OK;
  },
  [OP.WRITE](context, args, results) {
    const stateid = args.fixed(16);
    const [offset, stable] = [args.u64Number(), args.u32()];
    const bytes = args.opaque(1 << 20);
    const status = stateStatus(context, stateid);
    const { current } = context;
    if (status !== STATUS.OK || current === null) return status;
    const data = Buffer.alloc(Math.max(current.data.length, offset + bytes.length));
    current.data.copy(data);
    data.set(bytes, offset);
    current.data = data;
    results.u32(bytes.length);
    results.u32(stable);
    results.u64(context.verifier);
    return STATUS.OK;
  },
  [OP.COMMIT]({ verifier }, args, results) {
    args.skip(12);
    results.u64(verifier);
    return STATUS.OK;
  },
  [OP.CREATE]: (context, args, results) => create(context, args, results, context),
  [OP.READLINK]({ current }, _args, results) {
    results.opaque(current?.data ?? Buffer.alloc(0));
    return STATUS.OK;
  },
  [OP.READDIR]({ current, files }, args, results) {
    args.skip(2 * 8 + 2 * 4);
    const wanted = readBitmap(args);
    results.u64(0);
    // All at once; directories other than the root are empty.
    for (const [i, [name, file]] of (current === files.root ? [...files.names] : []).entries()) {
      results.bool(true);
      results.u64(i + 3);
      results.string(name);
      writeAttributes(results, wanted, file);
    }
    results.bool(false);
    results.bool(true);
    return STATUS.OK;
  },
  [OP.REMOVE]({ files }, args, results) {
    if (!files.names.delete(args.string(255))) return STATUS.NOENT;
    changeInfo(results);
    return STATUS.OK;
  },
  [OP.RENAME]({ files }, args, results) {
    const [from, to] = [args.string(255), args.string(255)];
    const file = files.names.get(from);
    if (file === undefined) return STATUS.NOENT;
    files.names.delete(from);
    files.names.set(to, file);
    changeInfo(results);
    changeInfo(results);
    return STATUS.OK;
  },
  [OP.LINK]({ files, saved }, args, results) {
    const name = args.string(255);
    if (saved === null) return STATUS.STALE;
    if (files.names.has(name)) return STATUS.EXIST;
    files.names.set(name, saved);
    saved.links++;
    changeInfo(results);
    return STATUS.OK;
  },
  [OP.RECLAIM_COMPLETE](context, args) {
    args.bool();
    return context.reclaimed();
  },
  [OP.TEST_STATEID](context, args, results) {
    const count = args.u32();
    results.u32(count);
    for (let i = 0; i < count; i++) results.u32(stateStatus(context, args.fixed(16)));
    return STATUS.OK;
  },
  [OP.FREE_STATEID]: ({ opens }, args) => (opens.delete(hexOf(args.fixed(16))) ? STATUS.OK : STATUS.BAD_STATEID),
};

function compareType(file: FakeFile | null, args: XdrReader, same: number, other: number): number {
  readBitmap(args);
  args.u32();
  return file?.type === args.u32() ? same : other;
}
