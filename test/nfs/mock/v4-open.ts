// The mock's operations about open files and stateids: OPEN, CLOSE, OPEN_DOWNGRADE, TEST_STATEID … RFC 8881 §18.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import type { OpenState } from './opens.js';
import { fail, NfsFailure, STATUS } from './status.js';
import type { Changes, Node } from './tree.js';
import { changesOf, readAttributes, type SetAttributes } from './v4-attributes.js';
import { readName, readStateId, type StateId, writeBitmap, writeChangeInfo, writeStateId } from './v4-codec.js';
import type { Compound, Operation } from './v4-context.js';

const OWNER_BYTES_MAX = 1024;
const SHARE_ACCESS = 3;
const WANTS = 0xff00;
const WANT_NO_DELEGATION = 0x400;
const RESULT_LOCKTYPE_POSIX = 4;
const DELEGATE_NONE = 0;
const DELEGATE_READ = 1;
const DELEGATE_NONE_EXT = 3;
const STATEIDS_MAX = 1024;

type How =
  | { readonly kind: 'none' }
  | { readonly kind: 'unchecked' | 'guarded'; readonly attributes: SetAttributes }
  | { readonly kind: 'exclusive'; readonly verifier: bigint; readonly attributes: SetAttributes };

type Claim =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'previous' }
  | { readonly kind: 'handle' };

const NO_ATTRIBUTES: SetAttributes = { bits: [], values: new Uint8Array(0) };

function readHow(xdr: XdrReader): How {
  const opens = xdr.u32();
  if (opens > 1) throw new XdrError(`opentype4 is ${opens}`);
  if (opens === 0) return { kind: 'none' };
  const mode = xdr.u32();
  switch (mode) {
    case 0:
      return { kind: 'unchecked', attributes: readAttributes(xdr) };
    case 1:
      return { kind: 'guarded', attributes: readAttributes(xdr) };
    case 2:
      return { kind: 'exclusive', verifier: xdr.u64(), attributes: NO_ATTRIBUTES };
    case 3:
      return { kind: 'exclusive', verifier: xdr.u64(), attributes: readAttributes(xdr) };
    default:
      throw new XdrError(`createmode4 is ${mode}`);
  }
}

function readClaim(xdr: XdrReader): Claim {
  const claim = xdr.u32();
  if (claim === 0) return { kind: 'name', name: readName(xdr) };
  if (claim === 4) return { kind: 'handle' };
  if (claim !== 1) throw new XdrError(`open_claim_type4 is ${claim}`);
  xdr.u32(); // the delegation that it had
  return { kind: 'previous' };
}

function makeFile(compound: Compound, directory: Node, name: string, how: How, changes: Changes): Node {
  if (how.kind === 'none') return fail(STATUS.NOENT);
  const node = compound.tree.create(directory, name, 'file', changes.mode ?? 0o644);
  compound.tree.change(node, changes);
  if (how.kind === 'exclusive') node.createVerifier = how.verifier;
  return node;
}

/** Finds or makes the file of a name; `isNew`: its attributes were set. */
function fileOfName(compound: Compound, name: string, how: How): { readonly node: Node; readonly isNew: boolean } {
  const { directory, tree } = compound;
  compound.checkName(name);
  if (how.kind !== 'none') compound.world.checkWritable();
  const changes = how.kind === 'none' ? {} : changesOf(how.attributes);
  const existing = tree.find(directory, name);
  if (existing === null) return { node: makeFile(compound, directory, name, how, changes), isNew: true };
  if (how.kind === 'guarded') return fail(STATUS.EXIST);
  // The same verifier: it is the caller's own file, and this the second time that the call came.
  if (how.kind === 'exclusive' && existing.createVerifier !== how.verifier) return fail(STATUS.EXIST);
  if (how.kind === 'unchecked' && changes.size !== undefined)
    tree.change(compound.asFile(existing), { size: changes.size });
  return { node: existing, isNew: how.kind === 'exclusive' };
}

interface OpenArguments {
  readonly access: number;
  readonly owner: string;
  readonly how: How;
  readonly claim: Claim;
}

function findFile(compound: Compound, { how, claim }: OpenArguments): { node: Node; isNew: boolean } {
  const client = compound.client ?? fail(STATUS.OP_NOT_IN_SESSION);
  if (claim.kind === 'previous') {
    compound.state.opens.checkReclaim(client, compound.node);
    return { node: compound.node, isNew: false };
  }
  compound.state.opens.checkGrace(client);
  if (claim.kind === 'handle') return { node: compound.node, isNew: false };
  return fileOfName(compound, claim.name, how);
}

function writeDelegation(out: XdrWriter, compound: Compound, access: number, struck: Struck): void {
  if (struck.operation('OPEN', 'delegation') !== undefined && compound.client !== null) {
    out.u32(DELEGATE_READ);
    writeStateId(out, compound.state.opens.delegate(compound.client));
    out.bool(false);
    for (const word of [0, 0, 0]) out.u32(word); // an ACE that allows nothing
    out.string('OWNER@');
    return;
  }
  if ((access & WANT_NO_DELEGATION) === 0) {
    out.u32(DELEGATE_NONE);
    return;
  }
  out.u32(DELEGATE_NONE_EXT);
  out.u32(0); // WND4_NOT_WANTED
}

function carryOutOpen(out: XdrWriter, compound: Compound, asked: OpenArguments, struck: Struck): void {
  const { access, owner, how } = asked;
  const mode = access & SHARE_ACCESS;
  if (mode === 0 || (access & ~(SHARE_ACCESS | WANTS)) !== 0) fail(STATUS.INVAL);
  const directory = asked.claim.kind === 'name' ? compound.directory : compound.node;
  const before = directory.change;
  const { node, isNew } = findFile(compound, asked);
  compound.asFile(node);
  if ((mode & 2) !== 0) compound.world.checkWritable();
  const client = compound.client ?? fail(STATUS.OP_NOT_IN_SESSION);
  const state = compound.state.opens.open(client, owner, node, mode);
  compound.current = node;
  compound.currentStateId = { seqid: state.seqid, other: state.other };
  writeStateId(out, state);
  writeChangeInfo(out, before, directory.change);
  out.u32(RESULT_LOCKTYPE_POSIX);
  writeBitmap(out, isNew && how.kind !== 'none' ? how.attributes.bits : []);
  writeDelegation(out, compound, access, struck);
}

export function open(xdr: XdrReader): Operation {
  xdr.u32(); // seqid: not used in 4.1
  const access = xdr.u32();
  const deny = xdr.u32();
  if (deny > 3) throw new XdrError(`share_deny is ${deny}`);
  xdr.u64(); // client id: the session's counts
  const owner = Buffer.from(xdr.opaque(OWNER_BYTES_MAX)).toString('hex');
  const how = readHow(xdr);
  const claim = readClaim(xdr);
  return {
    name: 'OPEN',
    number: 18,
    isRepeatable: how.kind !== 'guarded',
    ok: (out, compound, struck) => carryOutOpen(out, compound, { access, owner, how, claim }, struck),
  };
}

function stateOf(compound: Compound, stateId: StateId): OpenState {
  const state = compound.state.opens.find(compound.stateId(stateId), compound.client);
  return state.node === compound.node ? state : fail(STATUS.BAD_STATEID);
}

/** What CLOSE answers names nothing any more: RFC 8881 §18.2.4. */
const CLOSED: StateId = { seqid: 0xffffffff, other: '0'.repeat(24) };

export function close(xdr: XdrReader): Operation {
  xdr.u32(); // seqid
  const stateId = readStateId(xdr);
  return {
    name: 'CLOSE',
    number: 4,
    ok: (out, compound) => {
      compound.state.opens.close(stateOf(compound, stateId));
      compound.currentStateId = CLOSED;
      writeStateId(out, CLOSED);
    },
  };
}

export function openDowngrade(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  xdr.u32(); // seqid
  const access = xdr.u32() & SHARE_ACCESS;
  xdr.u32(); // deny
  return {
    name: 'OPEN_DOWNGRADE',
    number: 21,
    ok: (out, compound) => {
      const state = stateOf(compound, stateId);
      if (access === 0 || (access & ~state.access) !== 0) fail(STATUS.INVAL);
      state.access = access;
      state.seqid += 1;
      writeStateId(out, state);
    },
  };
}

export function testStateId(xdr: XdrReader): Operation {
  const count = xdr.u32();
  if (count > STATEIDS_MAX) throw new XdrError(`${count} stateids`);
  const stateIds = Array.from({ length: count }, () => readStateId(xdr));
  return {
    name: 'TEST_STATEID',
    number: 55,
    ok: (out, { state, client }) => {
      out.u32(stateIds.length);
      for (const stateId of stateIds) out.u32(statusOf(() => state.opens.find(stateId, client)));
    },
  };
}

function statusOf(f: () => unknown): number {
  try {
    f();
    return STATUS.OK;
  } catch (error) {
    if (error instanceof NfsFailure) return error.status;
    throw error;
  }
}

export function freeStateId(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  return {
    name: 'FREE_STATEID',
    number: 45,
    ok: (_out, compound) => compound.state.opens.free(compound.stateId(stateId)),
  };
}

export function delegReturn(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  return {
    name: 'DELEGRETURN',
    number: 8,
    ok: (_out, { state }) => {
      if (!state.opens.delegations.delete(stateId.other)) fail(STATUS.BAD_STATEID);
    },
  };
}
