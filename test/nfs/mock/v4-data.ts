// The mock's operations that move bytes: READ, WRITE, COMMIT, and those of NFSv4.2. RFC 8881 §18, RFC 7862 §15.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { commitData, readData, writeData } from './data.js';
import type { Struck } from './faults.js';
import { SHARE_READ, SHARE_WRITE } from './opens.js';
import { fail, STATUS } from './status.js';
import type { Node } from './tree.js';
import { readStateId, type StateId, writeStateId } from './v4-codec.js';
import type { Compound, Operation } from './v4-context.js';

const PAYLOAD_BYTES_MAX = 128 * 1024 * 1024;
/** What CLONE's ranges must be aligned to: the mock's clone_blksize. */
const CLONE_BLOCK_BYTES = 4096;

function checked(compound: Compound, stateId: StateId, access: number): Node {
  const node = compound.file;
  compound.state.opens.check(compound.stateId(stateId), compound.client, node, access);
  return node;
}

export function read(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  const offset = xdr.u64();
  const count = xdr.u32();
  return {
    name: 'READ',
    number: 25,
    ok: (out, compound, struck) => {
      const answer = readData(compound.world, checked(compound, stateId, SHARE_READ), offset, count, struck);
      out.bool(answer.eof);
      // There is no count of its own: the payload's length is it.
      out.u32(struck.operation('READ', 'count') === undefined ? answer.payloadLength : answer.count);
      out.fixed(answer.bytes);
    },
  };
}

export function write(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  const offset = xdr.u64();
  const stable = xdr.u32();
  if (stable > 2) throw new XdrError(`stable_how4 is ${stable}`);
  const bytes = xdr.opaque(PAYLOAD_BYTES_MAX);
  return {
    name: 'WRITE',
    number: 38,
    ok: (out, compound, struck) => {
      const node = checked(compound, stateId, SHARE_WRITE);
      const answer = writeData(compound.world, node, offset, bytes, stable, struck);
      out.u32(answer.count);
      out.u32(answer.committed);
      out.u64(answer.verifier);
    },
  };
}

export function commit(xdr: XdrReader): Operation {
  const offset = xdr.u64();
  const count = xdr.u32();
  return {
    name: 'COMMIT',
    number: 5,
    ok: (out, compound, struck) => out.u64(commitData(compound.world, compound.file, offset, count, struck)),
  };
}

/** ALLOCATE and DEALLOCATE. */
function space(xdr: XdrReader, name: 'ALLOCATE' | 'DEALLOCATE', number: number): Operation {
  const stateId = readStateId(xdr);
  const offset = xdr.u64();
  const length = xdr.u64();
  return {
    name,
    number,
    ok: (_out, compound) => {
      const { world } = compound;
      if (!world.settings.offers[name === 'ALLOCATE' ? 'allocate' : 'deallocate']) fail(STATUS.NOTSUPP);
      const node = checked(compound, stateId, SHARE_WRITE);
      world.checkWritable();
      const range = world.range(offset, length);
      if (name === 'ALLOCATE') node.content.reserve(range.offset, range.length);
      else node.content.punch(range.offset, range.length);
      node.modified(world.tree.now());
    },
  };
}

export function allocate(xdr: XdrReader): Operation {
  return space(xdr, 'ALLOCATE', 59);
}

export function deallocate(xdr: XdrReader): Operation {
  return space(xdr, 'DEALLOCATE', 62);
}

/** NFS4_CONTENT_DATA 0, NFS4_CONTENT_HOLE 1. */
export function seek(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  const offset = xdr.u64();
  const what = xdr.u32();
  return {
    name: 'SEEK',
    number: 69,
    ok: (out, compound) => {
      if (!compound.world.settings.offers.seek) fail(STATUS.NOTSUPP);
      const node = checked(compound, stateId, SHARE_READ);
      if (offset >= BigInt(node.size)) fail(STATUS.NXIO);
      if (what > 1) fail(STATUS.UNION_NOTSUPP);
      const found = node.content.seek(Number(offset), what === 0 ? 'data' : 'hole');
      // No data follows: "eof", and the offset says nothing.
      out.bool(found === null || found >= node.size);
      out.u64(found ?? node.size);
    },
  };
}

interface CopyArguments {
  readonly fromState: StateId;
  readonly toState: StateId;
  readonly fromOffset: bigint;
  readonly toOffset: bigint;
  /** 0: to the end of the source. */
  readonly count: bigint;
}

function readCopyArguments(xdr: XdrReader): CopyArguments {
  const [fromState, toState] = [readStateId(xdr), readStateId(xdr)];
  return { fromState, toState, fromOffset: xdr.u64(), toOffset: xdr.u64(), count: xdr.u64() };
}

/** From the saved file to the current one; gives the bytes to put there. */
function sourceBytes(compound: Compound, asked: CopyArguments, most: number): { to: Node; bytes: Uint8Array } {
  const from = compound.asFile(compound.savedNode);
  const { opens } = compound.state;
  const savedState =
    compound.savedStateId !== null && asked.fromState.seqid === 1 ? compound.savedStateId : asked.fromState;
  opens.check(savedState, compound.client, from, SHARE_READ);
  const to = checked(compound, asked.toState, SHARE_WRITE);
  compound.world.checkWritable();
  if (asked.fromOffset > BigInt(from.size)) fail(STATUS.INVAL);
  const start = Number(asked.fromOffset);
  const count = asked.count === 0n ? from.size - start : Number(asked.count);
  if (start + count > from.size) fail(STATUS.INVAL);
  const bytes = new Uint8Array(Math.min(count, most));
  from.content.read(start, bytes);
  return { to, bytes };
}

function writeCopied(out: XdrWriter, compound: Compound, bytes: number, offload: StateId | null, struck: Struck): void {
  out.u32(offload === null ? 0 : 1);
  if (offload !== null) writeStateId(out, offload);
  out.u64(bytes);
  out.u32(struck.operation('COPY', 'committed')?.committed ?? 0);
  out.u64(struck.operation('COPY', 'says verifier')?.verifier ?? compound.world.writeVerifier);
  out.bool(true); // consecutive
  out.bool(offload === null); // synchronous
}

export function copy(xdr: XdrReader): Operation {
  const asked = readCopyArguments(xdr);
  xdr.bool(); // consecutive
  xdr.bool(); // synchronous: what the server cannot do it need not
  const servers = xdr.u32();
  if (servers > 0) throw new XdrError('a copy between servers');
  return {
    name: 'COPY',
    number: 60,
    ok: (out, compound, struck) => {
      const { world, state } = compound;
      if (!world.settings.offers.copy) fail(STATUS.NOTSUPP);
      const most = struck.operation('COPY', 'short')?.bytes ?? Number.POSITIVE_INFINITY;
      const { to, bytes } = sourceBytes(compound, asked, most);
      const range = world.range(asked.toOffset, BigInt(bytes.length));
      world.tree.write(to, range.offset, bytes, (struck.operation('COPY', 'committed')?.committed ?? 0) > 0);
      const later = struck.operation('COPY', 'async copy');
      if (later === undefined) {
        writeCopied(out, compound, bytes.length, null, struck);
        return;
      }
      const offload = state.newOffload({ bytes: bytes.length, pollsLeft: later.polls });
      writeCopied(out, compound, 0, offload, struck);
    },
    failed: (out, status) => {
      if (status !== STATUS.OFFLOAD_NO_REQS) return;
      out.bool(true);
      out.bool(false);
    },
  };
}

export function offloadStatus(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  return {
    name: 'OFFLOAD_STATUS',
    number: 67,
    ok: (out, { state }) => {
      const offload = state.offloads.get(stateId.other) ?? fail(STATUS.BAD_STATEID);
      offload.pollsLeft -= 1;
      const isDone = offload.pollsLeft <= 0;
      out.u64(isDone ? offload.bytes : 0);
      out.u32(isDone ? 1 : 0);
      if (isDone) out.u32(STATUS.OK);
    },
  };
}

export function offloadCancel(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  return {
    name: 'OFFLOAD_CANCEL',
    number: 66,
    ok: (_out, { state }) => {
      if (!state.offloads.delete(stateId.other)) fail(STATUS.BAD_STATEID);
    },
  };
}

export function clone(xdr: XdrReader): Operation {
  const asked = readCopyArguments(xdr);
  return {
    name: 'CLONE',
    number: 71,
    ok: (_out, compound) => {
      const { world } = compound;
      if (!world.settings.offers.clone) fail(STATUS.NOTSUPP);
      const { to, bytes } = sourceBytes(compound, asked, Number.POSITIVE_INFINITY);
      const isEnd = Number(asked.fromOffset) + bytes.length === compound.savedNode.size;
      const offsets = [Number(asked.fromOffset), Number(asked.toOffset), ...(isEnd ? [] : [bytes.length])];
      if (offsets.some((offset) => offset % CLONE_BLOCK_BYTES !== 0)) fail(STATUS.INVAL);
      world.tree.write(to, world.range(asked.toOffset, BigInt(bytes.length)).offset, bytes, true);
    },
  };
}

/** It kills nfs-ganesha 4.3: a client must not send it. */
export function ioAdvise(xdr: XdrReader): Operation {
  readStateId(xdr);
  xdr.u64();
  xdr.u64();
  const words = xdr.u32();
  if (words > 2) throw new XdrError(`${words} words of hints`);
  for (let word = 0; word < words; word++) xdr.u32();
  return {
    name: 'IO_ADVISE',
    number: 63,
    ok: (_out, { world }) => {
      world.violation('IO_ADVISE: it ends some servers');
      fail(STATUS.NOTSUPP);
    },
  };
}

export function readPlus(xdr: XdrReader): Operation {
  readStateId(xdr);
  xdr.u64();
  xdr.u32();
  return { name: 'READ_PLUS', number: 68, ok: () => fail(STATUS.NOTSUPP) };
}
