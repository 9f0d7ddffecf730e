// What a request does to its object, step by step, all or none: reads, writes, attributes, omap, comparisons, classes.
//
//      [assertVersion(7n), write(4096, payload, bytes), setXattr('size', value)]
//      [stat(), read(0, 65536, memory)]
//
// Payload is referred to and goes out as it lies; what is read lands in `memory`, or in a buffer of its own.
import type { SegmentList } from '../../../plan/request.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import * as code from './codes.js';
import { NO_SNAP, writeLocator } from './locator.js';
import type { ObjectName } from './request.js';

/** The union in ceph_osd_op. */
export const ARGUMENT_BYTES = 28;
const NAME_BYTES_MAX = 64 * 1024;
const KEYS_MAX = 1_000_000;
/** Without truncation, which only CephFS has. */
const NO_SNAP_TRUNCATE = 0;

export interface Step {
  readonly code: number;
  readonly flags: number;
  /** It may change the object. */
  readonly changes: boolean;
  /** ARGUMENT_BYTES of them. */
  readonly args: Uint8Array;
  /** What is sent with it: bytes of its own, then the first `payloadBytes` of memory. */
  readonly head: Uint8Array;
  readonly payload: SegmentList | null;
  readonly payloadBytes: number;
  /** Where what comes back goes, at most `memoryBytes`; null: to a buffer of its own. */
  readonly memory: SegmentList | null;
  readonly memoryBytes: number;
}

const NOTHING: Uint8Array = new Uint8Array(0);

type Parts = Partial<Omit<Step, 'code' | 'args'>>;

function step(number: number, args: (writer: DencWriter) => void, parts: Parts = {}): Step {
  const writer = new DencWriter(ARGUMENT_BYTES);
  args(writer);
  writer.zeros(ARGUMENT_BYTES - writer.length);
  return {
    code: number,
    flags: parts.flags ?? 0,
    changes: parts.changes ?? code.isWriting(number),
    args: writer.bytes,
    head: parts.head ?? NOTHING,
    payload: parts.payload ?? null,
    payloadBytes: parts.payloadBytes ?? 0,
    memory: parts.memory ?? null,
    memoryBytes: parts.memoryBytes ?? 0,
  };
}

function none(): void {}

function extent(offset: number, bytes: number): (writer: DencWriter) => void {
  return (writer) => {
    writer.size(offset);
    writer.size(bytes);
    writer.size(NO_SNAP_TRUNCATE);
    writer.u32(NO_SNAP_TRUNCATE);
  };
}

function encoded(write: (writer: DencWriter) => void): Buffer {
  const writer = new DencWriter();
  write(writer);
  return writer.bytes;
}

/** Short at the object's end; ENOENT where there is none. */
export function read(offset: number, bytes: number, memory: SegmentList | null = null): Step {
  return step(code.OP_READ, extent(offset, bytes), { memory, memoryBytes: memory === null ? 0 : bytes });
}

/** Its result is read by `readSparse`. */
export function sparseRead(offset: number, bytes: number): Step {
  return step(code.OP_SPARSE_READ, extent(offset, bytes));
}

export function write(offset: number, payload: SegmentList, payloadBytes: number): Step {
  return step(code.OP_WRITE, extent(offset, payloadBytes), { payload, payloadBytes });
}

/** The object holds just this from then on. */
export function writeFull(payload: SegmentList, payloadBytes: number): Step {
  return step(code.OP_WRITE_FULL, extent(0, payloadBytes), { payload, payloadBytes });
}

export function append(payload: SegmentList, payloadBytes: number): Step {
  return step(code.OP_APPEND, extent(0, payloadBytes), { payload, payloadBytes });
}

export function zero(offset: number, bytes: number): Step {
  return step(code.OP_ZERO, extent(offset, bytes));
}

export function truncate(bytes: number): Step {
  return step(code.OP_TRUNCATE, extent(bytes, 0));
}

/** `exclusive`: EEXIST where there is one. */
export function create(exclusive: boolean): Step {
  return step(code.OP_CREATE, none, { flags: exclusive ? code.OP_FLAG_EXCLUSIVE : 0 });
}

export function remove(): Step {
  return step(code.OP_DELETE, none);
}

/** Its result is read by `readStat`. */
export function stat(): Step {
  return step(code.OP_STAT, none);
}

/** ENOENT where there is no object. */
export function assertExists(): Step {
  return stat();
}

/** ERANGE where the object is older than this version, EOVERFLOW where it is newer. */
export function assertVersion(version: bigint): Step {
  return step(code.OP_ASSERT_VERSION, (writer) => {
    writer.u64(0n);
    writer.u64(version);
  });
}

/** −(4095 + i) where byte i differs. What is beyond the object's end compares as zeros. */
export function compareExtent(offset: number, payload: SegmentList, payloadBytes: number): Step {
  return step(code.OP_COMPARE_EXTENT, extent(offset, payloadBytes), { payload, payloadBytes });
}

/** The object is what another one of the cluster is, of this version: its OSD reads it. ERANGE, EOVERFLOW: it is of another. */
export function copyFrom({ pool, namespace, name }: ObjectName, version: bigint): Step {
  const args = (writer: DencWriter): void => {
    writer.u64(NO_SNAP);
    writer.u64(version);
    writer.u8(0); // flags
    writer.u32(0); // advice for the reading
  };
  const head = encoded((writer) => {
    writer.string(name);
    writeLocator(writer, pool, namespace, '');
  });
  return step(code.OP_COPY_FROM, args, { head });
}

/** How large the object is going to be: BlueStore allocates by it. */
export function allocationHint(objectBytes: number, writeBytes: number): Step {
  return step(
    code.OP_SET_ALLOCATION_HINT,
    (writer) => {
      writer.size(objectBytes);
      writer.size(writeBytes);
      writer.u32(0);
    },
    { flags: code.OP_FLAG_FAIL_OK },
  );
}

function xattr(number: number, name: string, value: Uint8Array, how = 0, mode = 0): Step {
  const nameBytes = Buffer.from(name);
  const args = (writer: DencWriter): void => {
    writer.u32(nameBytes.length);
    writer.u32(value.length);
    writer.u8(how);
    writer.u8(mode);
  };
  return step(number, args, { head: Buffer.concat([nameBytes, value]) });
}

/** ENODATA where there is none. */
export function getXattr(name: string): Step {
  return xattr(code.OP_GET_XATTR, name, NOTHING);
}

/** Its result is read by `readNamedValues`. */
export function getXattrs(): Step {
  return step(code.OP_GET_XATTRS, none);
}

export function setXattr(name: string, value: Uint8Array): Step {
  return xattr(code.OP_SET_XATTR, name, value);
}

export function removeXattr(name: string): Step {
  return xattr(code.OP_REMOVE_XATTR, name, NOTHING);
}

/** ECANCELED unless `value` stands in this relation (code.COMPARE_*) to what is there; a missing one is empty, or 0. */
export function compareXattr(name: string, how: number, value: string | bigint): Step {
  const isText = typeof value === 'string';
  const bytes = isText ? Buffer.from(value) : encoded((writer) => writer.u64(value));
  const mode = isText ? code.COMPARE_AS_TEXT : code.COMPARE_AS_NUMBER;
  return xattr(code.OP_COMPARE_XATTR, name, bytes, how, mode);
}

/** At most `max` keys behind `after`. The result is read by `readKeys`. */
export function omapKeys(after: string, max: number): Step {
  return step(code.OP_OMAP_GET_KEYS, none, {
    head: encoded((writer) => {
      writer.string(after);
      writer.size(max);
    }),
  });
}

/** The same with values, of keys that begin with `prefix`. The result is read by `readNamedValues`. */
export function omapValues(after: string, prefix: string, max: number): Step {
  return step(code.OP_OMAP_GET_VALUES, none, {
    head: encoded((writer) => {
      writer.string(after);
      writer.size(max);
      writer.string(prefix);
    }),
  });
}

/** Those of these keys that there are. The result is read by `readNamedValues`. */
export function omapValuesOf(keys: readonly string[]): Step {
  return step(code.OP_OMAP_GET_VALUES_BY_KEYS, none, { head: encoded((writer) => writeKeys(writer, keys)) });
}

export function setOmap(values: ReadonlyMap<string, Uint8Array>): Step {
  return step(code.OP_OMAP_SET_VALUES, none, {
    head: encoded((writer) => {
      writer.u32(values.size);
      for (const [key, value] of values) {
        writer.string(key);
        writer.blob(value);
      }
    }),
  });
}

export function removeOmap(keys: readonly string[]): Step {
  return step(code.OP_OMAP_REMOVE_KEYS, none, { head: encoded((writer) => writeKeys(writer, keys)) });
}

/** Bytes beside the keys. */
export function omapHeader(): Step {
  return step(code.OP_OMAP_GET_HEADER, none);
}

export function setOmapHeader(value: Uint8Array): Step {
  return step(code.OP_OMAP_SET_HEADER, none, { head: value });
}

export function clearOmap(): Step {
  return step(code.OP_OMAP_CLEAR, none);
}

/** Of a placement group: at most `max` objects from the cursor on. */
export function listObjects(cursor: Uint8Array, max: number): Step {
  const args = (writer: DencWriter): void => {
    writer.size(max);
  };
  return step(code.OP_LIST_OBJECTS, args, { head: cursor });
}

/** Its failure is its own: what follows is done all the same. */
export function optional(given: Step): Step {
  return { ...given, flags: given.flags | code.OP_FLAG_FAIL_OK };
}

/** A method of an object class, such as lock.lock; `changes`: it may change the object. */
export function call(className: string, method: string, input: Uint8Array, changes: boolean): Step {
  const names = Buffer.from(className + method);
  const args = (writer: DencWriter): void => {
    writer.u8(Buffer.byteLength(className));
    writer.u8(Buffer.byteLength(method));
    writer.u8(0); // argc
    writer.u32(input.length);
  };
  return step(code.OP_CALL, args, { head: Buffer.concat([names, input]), changes });
}

function writeKeys(writer: DencWriter, keys: readonly string[]): void {
  writer.u32(keys.length);
  for (const key of keys) writer.string(key);
}

/** Of `stat`: size, and when it changed last. */
export function readStat(data: Uint8Array): { bytes: number; mtimeMs: number } {
  const reader = new DencReader(data, 'the result of stat');
  const bytes = reader.size();
  const seconds = reader.u32();
  return { bytes, mtimeMs: seconds * 1000 + reader.u32() / 1e6 };
}

/** Of `sparseRead`: the stretches that are there, and their bytes one after the other. */
export function readSparse(data: Uint8Array): { extents: { offset: number; bytes: number }[]; data: Uint8Array } {
  const reader = new DencReader(data, 'the result of a sparse read');
  const count = reader.list(KEYS_MAX, 16);
  const extents = Array.from({ length: count }, () => ({ offset: reader.size(), bytes: reader.size() }));
  const found = reader.blob();
  if (extents.reduce((sum, { bytes }) => sum + bytes, 0) !== found.length)
    throw reader.error(`its extents are not its ${found.length} bytes`);
  return { extents, data: found };
}

/** Names and values of attributes or of omap, and (of omap) whether there are more. */
export function readNamedValues(data: Uint8Array): { values: Map<string, Uint8Array>; more: boolean } {
  const reader = new DencReader(data, 'names and values');
  const values = new Map<string, Uint8Array>();
  const count = reader.list(KEYS_MAX, 8);
  for (let i = 0; i < count; i++) {
    const name = reader.string(NAME_BYTES_MAX);
    values.set(name, reader.blob());
  }
  return { values, more: reader.remaining > 0 && reader.bool() };
}

/** Of `omapKeys`. */
export function readKeys(data: Uint8Array): { keys: string[]; more: boolean } {
  const reader = new DencReader(data, 'keys of omap');
  const count = reader.list(KEYS_MAX, 4);
  const keys = Array.from({ length: count }, () => reader.string(NAME_BYTES_MAX));
  return { keys, more: reader.remaining > 0 && reader.bool() };
}
