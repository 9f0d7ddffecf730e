// The mock's operations about filehandles and attributes: PUTFH … RESTOREFH, GETATTR, SETATTR, ACCESS, VERIFY, SECINFO.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { SHARE_WRITE } from './opens.js';
import { fail, STATUS } from './status.js';
import { changesOf, hasAttributes, readAttributes, writeAttributes } from './v4-attributes.js';
import { readBitmap, readHandle, readName, readStateId, writeBitmap } from './v4-codec.js';
import type { Operation } from './v4-context.js';

/** An operation without arguments. */
function plain(name: string, number: number, ok: Operation['ok']): () => Operation {
  return () => ({ name, number, ok });
}

export function putFh(xdr: XdrReader): Operation {
  const handle = Buffer.from(readHandle(xdr));
  return {
    name: 'PUTFH',
    number: 22,
    ok: (_out, compound) => {
      compound.current = compound.tree.byHandle(handle);
      compound.currentStateId = null;
    },
  };
}

const setRoot: Operation['ok'] = (_out, compound) => {
  compound.current = compound.tree.root;
  compound.currentStateId = null;
};

export const putRootFh: () => Operation = plain('PUTROOTFH', 24, setRoot);
export const putPubFh: () => Operation = plain('PUTPUBFH', 23, setRoot);

export const getFh: () => Operation = plain('GETFH', 10, (out, { tree, node }) => out.opaque(tree.handleOf(node)));

export const saveFh: () => Operation = plain('SAVEFH', 32, (_out, compound) => {
  compound.saved = compound.node;
  compound.savedStateId = compound.currentStateId;
});

export const restoreFh: () => Operation = plain('RESTOREFH', 31, (_out, compound) => {
  compound.current = compound.saved ?? fail(STATUS.RESTOREFH);
  compound.currentStateId = compound.savedStateId;
});

export function getAttr(xdr: XdrReader): Operation {
  const wanted = readBitmap(xdr);
  return { name: 'GETATTR', number: 9, ok: (out, { node, world }) => writeAttributes(out, node, wanted, world) };
}

/** attrsset follows whatever the status is. */
export function setAttr(xdr: XdrReader): Operation {
  const stateId = readStateId(xdr);
  const attributes = readAttributes(xdr);
  return {
    name: 'SETATTR',
    number: 34,
    ok: (out, compound) => {
      const { node, world, state } = compound;
      world.checkWritable();
      const changes = changesOf(attributes);
      if (changes.size !== undefined) {
        world.range(0n, BigInt(changes.size));
        state.opens.check(compound.stateId(stateId), compound.client, compound.file, SHARE_WRITE);
      }
      compound.tree.change(node, changes);
      writeBitmap(out, attributes.bits);
    },
    failed: (out: XdrWriter) => writeBitmap(out, []),
  };
}

const READS_AND_EXECUTES = 0x23;

export function access(xdr: XdrReader): Operation {
  const wanted = xdr.u32();
  return {
    name: 'ACCESS',
    number: 3,
    ok: (out, { node, world }) => {
      void node;
      out.u32(wanted);
      out.u32(world.settings.readOnly ? wanted & READS_AND_EXECUTES : wanted);
    },
  };
}

export function verify(xdr: XdrReader, wantsSame: boolean): Operation {
  const asked = readAttributes(xdr);
  return {
    name: wantsSame ? 'VERIFY' : 'NVERIFY',
    number: wantsSame ? 37 : 17,
    ok: (_out, { node, world }) => {
      if (hasAttributes(node, asked, world) !== wantsSame) fail(wantsSame ? STATUS.NOT_SAME : STATUS.SAME);
    },
  };
}

/** One kind of security, AUTH_SYS; in 4.1 it takes the current filehandle away. */
function writeSecurity(out: XdrWriter): void {
  out.u32(1);
  out.u32(1);
}

export function secInfo(xdr: XdrReader): Operation {
  const name = readName(xdr);
  return {
    name: 'SECINFO',
    number: 33,
    ok: (out, compound) => {
      compound.checkName(name);
      compound.tree.mustFind(compound.directory, name);
      compound.current = null;
      writeSecurity(out);
    },
  };
}

export function secInfoNoName(xdr: XdrReader): Operation {
  const style = xdr.u32();
  return {
    name: 'SECINFO_NO_NAME',
    number: 52,
    ok: (out, compound) => {
      if (style > 1) fail(STATUS.INVAL);
      if (style === 1 && compound.directory === compound.tree.root) fail(STATUS.NOENT);
      void compound.node;
      compound.current = null;
      writeSecurity(out);
    },
  };
}
