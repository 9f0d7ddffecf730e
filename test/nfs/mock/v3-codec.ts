// NFSv3's attributes on the wire, as the mock writes and reads them: RFC 1813 §2.5 and §2.6.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { type Changes, type Node, TYPE } from './tree.js';

const HANDLE_BYTES_MAX = 64;
/** Names are refused by their length in bytes, not here: NAMETOOLONG. */
const NAME_BYTES_MAX = 4096;
const FSID = 0xd10n;
const NS = 1_000_000_000n;

export function readHandle(xdr: XdrReader): Uint8Array {
  return xdr.opaque(HANDLE_BYTES_MAX);
}

export function readName(xdr: XdrReader): string {
  return xdr.string(NAME_BYTES_MAX);
}

function writeTime(out: XdrWriter, ns: bigint): void {
  out.u32(Number(ns / NS));
  out.u32(Number(ns % NS));
}

function readTime(xdr: XdrReader): bigint {
  const seconds = BigInt(xdr.u32());
  const ns = BigInt(xdr.u32());
  if (ns >= NS) throw new XdrError(`${ns} nanoseconds in a second`);
  return seconds * NS + ns;
}

export function writeAttributes(out: XdrWriter, node: Node): void {
  out.u32(TYPE[node.type]);
  out.u32(node.mode);
  out.u32(node.links + (node.type === 'directory' ? 1 : 0));
  out.u32(node.uid);
  out.u32(node.gid);
  out.u64(node.size);
  out.u64(node.usedBytes);
  for (const number of node.rdev) out.u32(number);
  out.u64(FSID);
  out.u64(node.id);
  for (const ns of [node.atimeNs, node.mtimeNs, node.ctimeNs]) writeTime(out, ns);
}

/** What weak cache consistency shows of a file as it was. */
export interface Before {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export function before(node: Node): Before {
  return { size: node.size, mtimeNs: node.mtimeNs, ctimeNs: node.ctimeNs };
}

export function writeBefore(out: XdrWriter, was: Before): void {
  out.u64(was.size);
  writeTime(out, was.mtimeNs);
  writeTime(out, was.ctimeNs);
}

function readSetTime(xdr: XdrReader): bigint | 'now' | undefined {
  const how = xdr.u32();
  if (how > 2) throw new XdrError(`time_how is ${how}`);
  if (how === 0) return undefined;
  return how === 1 ? 'now' : readTime(xdr);
}

/** sattr3. A size above 2^53 is refused as one that is too large would be. */
export function readSetAttributes(xdr: XdrReader): Changes {
  const word = (): number | undefined => (xdr.bool() ? xdr.u32() : undefined);
  const [mode, uid, gid] = [word(), word(), word()];
  const size = xdr.bool() ? xdr.u64Number() : undefined;
  const [atimeNs, mtimeNs] = [readSetTime(xdr), readSetTime(xdr)];
  return { mode, uid, gid, size, atimeNs, mtimeNs };
}
