// fattr4 of the mock: which attributes there are, how each is written, which can be set. RFC 8881 §5, RFC 7862 §12.2.
import { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { fail, STATUS } from './status.js';
import { type Changes, type Node, TYPE } from './tree.js';
import { readBitmap, readSetTime, writeBitmap, writeTime } from './v4-codec.js';
import type { World } from './world.js';

type Write = (out: XdrWriter, node: Node, world: World) => void;

const FSID = 0xd10n;
const FREE_BYTES = 1n << 40n;
const ATTRIBUTE_BYTES_MAX = 64 * 1024;

const u32 =
  (value: number): Write =>
  (out) =>
    out.u32(value);
const u64 =
  (value: bigint): Write =>
  (out) =>
    out.u64(value);
const yes: Write = (out) => out.bool(true);
const no: Write = (out) => out.bool(false);

function totalBytes({ tree }: World): bigint {
  return Number.isFinite(tree.capacityBytes) ? BigInt(tree.capacityBytes) : BigInt(tree.usedBytes) + FREE_BYTES;
}

const writeFree: Write = (out, _node, world) => out.u64(totalBytes(world) - BigInt(world.tree.usedBytes));

/** Ascending, as they follow each other on the wire. */
const ATTRIBUTES: ReadonlyMap<number, Write> = new Map<number, Write>([
  [0, (out) => writeBitmap(out, SUPPORTED)],
  [1, (out, node) => out.u32(TYPE[node.type])],
  [2, u32(0)], // fh_expire_type: FH4_PERSISTENT
  [3, (out, node) => out.u64(node.change)],
  [4, (out, node) => out.u64(node.size)],
  [5, yes], // link_support
  [6, yes], // symlink_support
  [7, no], // named_attr
  [
    8, // fsid
    (out) => {
      out.u64(FSID);
      out.u64(0);
    },
  ],
  [9, yes], // unique_handles
  [10, (out, _node, world) => out.u32(world.settings.leaseSeconds)],
  [11, u32(0)], // rdattr_error
  [15, yes], // cansettime
  [16, no], // case_insensitive
  [17, yes], // case_preserving
  [19, (out, node, world) => out.opaque(world.tree.handleOf(node))],
  [20, (out, node) => out.u64(node.id)],
  [21, u64(900_000n)], // files_avail
  [22, u64(900_000n)], // files_free
  [23, u64(1_000_000n)], // files_total
  [26, yes], // homogeneous
  [27, (out, _node, world) => out.u64(world.settings.fileBytesMax)],
  [28, u32(32_000)], // maxlink
  [29, u32(255)], // maxname
  [30, (out, _node, world) => out.u64(world.settings.readBytesMax)],
  [31, (out, _node, world) => out.u64(world.settings.writeBytesMax)],
  [33, (out, node) => out.u32(node.mode)],
  [34, yes], // no_trunc
  [35, (out, node) => out.u32(node.links + (node.type === 'directory' ? 1 : 0))],
  [36, (out, node) => out.string(String(node.uid))],
  [37, (out, node) => out.string(String(node.gid))],
  [
    41, // rawdev
    (out, node) => {
      for (const number of node.rdev) out.u32(number);
    },
  ],
  [42, writeFree],
  [43, writeFree],
  [44, (out, _node, world) => out.u64(totalBytes(world))],
  [45, (out, node) => out.u64(node.usedBytes)],
  [47, (out, node) => writeTime(out, node.atimeNs)],
  [51, (out) => writeTime(out, 1n)], // time_delta
  [52, (out, node) => writeTime(out, node.ctimeNs)],
  [53, (out, node) => writeTime(out, node.mtimeNs)],
  [55, (out, node) => out.u64(node.id)], // mounted_on_fileid
  [75, (out) => writeBitmap(out, SETTABLE)], // suppattr_exclcreat
  [77, u32(4096)], // clone_blksize
]);

const SIZE = 4;
const MODE = 33;
const OWNER = 36;
const OWNER_GROUP = 37;
const TIME_ACCESS_SET = 48;
const TIME_MODIFY_SET = 54;
const SETTABLE: readonly number[] = [SIZE, MODE, OWNER, OWNER_GROUP, TIME_ACCESS_SET, TIME_MODIFY_SET];
const SUPPORTED: readonly number[] = [...ATTRIBUTES.keys(), TIME_ACCESS_SET, TIME_MODIFY_SET].sort((a, b) => a - b);

export function writeAttributes(out: XdrWriter, node: Node, wanted: readonly number[], world: World): void {
  if (wanted.includes(TIME_ACCESS_SET) || wanted.includes(TIME_MODIFY_SET)) fail(STATUS.INVAL);
  const given = wanted.filter((number) => ATTRIBUTES.has(number));
  writeBitmap(out, given);
  const values = new XdrWriter();
  for (const number of given) ATTRIBUTES.get(number)?.(values, node, world);
  out.opaque(values.bytes);
}

/** fattr4 as it came: judged when the operation is carried out. */
export interface SetAttributes {
  readonly bits: readonly number[];
  readonly values: Uint8Array;
}

export function readAttributes(xdr: XdrReader): SetAttributes {
  return { bits: readBitmap(xdr), values: xdr.opaque(ATTRIBUTE_BYTES_MAX) };
}

function readOwner(xdr: XdrReader): number {
  const text = xdr.string(1024);
  return /^\d{1,10}$/.test(text) ? Number(text) : fail(STATUS.BADOWNER);
}

export function changesOf({ bits, values }: SetAttributes): Changes {
  const xdr = new XdrReader(values);
  const changes: { -readonly [K in keyof Changes]: Changes[K] } = {};
  for (const bit of bits) {
    if (!SETTABLE.includes(bit)) fail(ATTRIBUTES.has(bit) ? STATUS.INVAL : STATUS.ATTRNOTSUPP);
    if (bit === SIZE) changes.size = xdr.u64Number();
    else if (bit === MODE) changes.mode = xdr.u32();
    else if (bit === OWNER) changes.uid = readOwner(xdr);
    else if (bit === OWNER_GROUP) changes.gid = readOwner(xdr);
    else if (bit === TIME_ACCESS_SET) changes.atimeNs = readSetTime(xdr);
    else changes.mtimeNs = readSetTime(xdr);
  }
  xdr.end();
  return changes;
}

/** VERIFY: whether the object has exactly these. */
export function hasAttributes(node: Node, asked: SetAttributes, world: World): boolean {
  if (asked.bits.some((bit) => !ATTRIBUTES.has(bit))) fail(STATUS.ATTRNOTSUPP);
  const out = new XdrWriter();
  for (const bit of asked.bits) ATTRIBUTES.get(bit)?.(out, node, world);
  return Buffer.compare(out.bytes, asked.values) === 0;
}
