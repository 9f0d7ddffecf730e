// Pieces of NFSv4 on the wire that many operations share: bitmaps, stateids, times. RFC 8881 §3.3.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';

export const SESSION_ID_BYTES = 16;
export const VERIFIER_BYTES = 8;
const STATEID_OTHER_BYTES = 12;
const HANDLE_BYTES_MAX = 128;
/** Names are refused by their length in bytes, not here: NAMETOOLONG. */
const NAME_BYTES_MAX = 4096;
const BITMAP_WORDS_MAX = 8;
const NS = 1_000_000_000n;

export interface StateId {
  readonly seqid: number;
  /** In hexadecimal. */
  readonly other: string;
}

export function readStateId(xdr: XdrReader): StateId {
  const seqid = xdr.u32();
  return { seqid, other: Buffer.from(xdr.fixed(STATEID_OTHER_BYTES)).toString('hex') };
}

export function writeStateId(out: XdrWriter, { seqid, other }: StateId): void {
  out.u32(seqid);
  out.fixed(Buffer.from(other, 'hex'));
}

export function readHandle(xdr: XdrReader): Uint8Array {
  return xdr.opaque(HANDLE_BYTES_MAX);
}

export function readName(xdr: XdrReader): string {
  return xdr.string(NAME_BYTES_MAX);
}

/** The numbers of the bits, ascending. */
export function readBitmap(xdr: XdrReader): number[] {
  const words = xdr.u32();
  if (words > BITMAP_WORDS_MAX) throw new XdrError(`a bitmap of ${words} words`);
  const bits: number[] = [];
  for (let word = 0; word < words; word++) {
    const value = xdr.u32();
    for (let bit = 0; bit < 32; bit++) if ((value >>> bit) & 1) bits.push(word * 32 + bit);
  }
  return bits;
}

export function writeBitmap(out: XdrWriter, bits: readonly number[]): void {
  const words = bits.length === 0 ? 0 : Math.floor(Math.max(...bits) / 32) + 1;
  out.u32(words);
  for (let word = 0; word < words; word++) {
    let value = 0;
    for (const bit of bits) if (Math.floor(bit / 32) === word) value |= 1 << (bit % 32);
    out.u32(value >>> 0);
  }
}

export function writeTime(out: XdrWriter, ns: bigint): void {
  out.i64(ns / NS);
  out.u32(Number(ns % NS));
}

export function readTime(xdr: XdrReader): bigint {
  const seconds = xdr.i64();
  const ns = BigInt(xdr.u32());
  if (ns >= NS) throw new XdrError(`${ns} nanoseconds in a second`);
  return seconds * NS + ns;
}

/** settime4: SET_TO_SERVER_TIME 0, SET_TO_CLIENT_TIME 1. */
export function readSetTime(xdr: XdrReader): bigint | 'now' {
  const how = xdr.u32();
  if (how > 1) throw new XdrError(`time_how4 is ${how}`);
  return how === 0 ? 'now' : readTime(xdr);
}

/** change_info4: what a directory's change counter was and is. */
export function writeChangeInfo(out: XdrWriter, before: bigint, after: bigint): void {
  out.bool(true);
  out.u64(before);
  out.u64(after);
}
