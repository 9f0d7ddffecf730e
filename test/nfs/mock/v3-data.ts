// The mock's NFSv3 procedures that move bytes: READ, WRITE, COMMIT. RFC 1813 §3.3.6, §3.3.7, §3.3.21.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { commitData, readData, writeData } from './data.js';
import { readHandle } from './v3-codec.js';
import type { Procedure, V3Context } from './v3-context.js';

/** What a record may hold: a longer payload is a violation of the limit, not of XDR. */
const PAYLOAD_BYTES_MAX = 128 * 1024 * 1024;

export function read(context: V3Context, xdr: XdrReader): Procedure {
  const file = context.subject(readHandle(xdr));
  const offset = xdr.u64();
  const count = xdr.u32();
  return {
    name: 'READ',
    isRepeatable: true,
    ok: (out, struck) => {
      const answer = readData(context.world, file.node, offset, count, struck);
      file.writeAfter(out);
      out.u32(answer.count);
      out.bool(answer.eof);
      out.u32(answer.payloadLength);
      out.fixed(answer.bytes);
    },
    failed: (out) => file.writeAfter(out),
  };
}

export function write(context: V3Context, xdr: XdrReader): Procedure {
  const file = context.subject(readHandle(xdr));
  const offset = xdr.u64();
  const count = xdr.u32();
  const stable = xdr.u32();
  if (stable > 2) throw new XdrError(`stable_how is ${stable}`);
  const bytes = xdr.opaque(PAYLOAD_BYTES_MAX);
  if (count !== bytes.length) throw new XdrError(`WRITE of ${count} bytes with a payload of ${bytes.length}`);
  return {
    name: 'WRITE',
    isRepeatable: true,
    ok: (out, struck) => {
      const answer = writeData(context.world, file.node, offset, bytes, stable, struck);
      file.writeChange(out);
      out.u32(answer.count);
      out.u32(answer.committed);
      out.u64(answer.verifier);
    },
    failed: (out) => file.writeChange(out),
  };
}

export function commit(context: V3Context, xdr: XdrReader): Procedure {
  const file = context.subject(readHandle(xdr));
  const offset = xdr.u64();
  const count = xdr.u32();
  return {
    name: 'COMMIT',
    isRepeatable: true,
    ok: (out, struck) => {
      const verifier = commitData(context.world, file.node, offset, count, struck);
      file.writeChange(out);
      out.u64(verifier);
    },
    failed: (out) => file.writeChange(out),
  };
}
