// MOSDOp and MOSDOpReply, version 8, and MOSDBackoff: encoded and decoded; nothing here keeps state.
import type { DencReader } from '../denc/reader.js';
import type { DencWriter } from '../denc/writer.js';
import { ENTITY_CLIENT } from '../msgr/handshake.js';
import { NO_SNAP, writeLocator } from './locator.js';
import { ARGUMENT_BYTES, type Step } from './step.js';

export const OSD_OP_VERSION = 8;
export const OSD_OP_COMPAT = 3;
export const BACKOFF_VERSION = 1;

/** ceph_osd_op. */
const OPERATION_BYTES = 2 + 4 + ARGUMENT_BYTES + 4;
/** Where in it payload_len is. */
const PAYLOAD_LENGTH_AT = 2 + 4 + ARGUMENT_BYTES;
/** num_ops is a u16. */
const OPERATIONS_MAX = 65_535;
const NAME_BYTES_MAX = 16 * 1024;
/** version u64, epoch u32. */
const EVERSION_BYTES = 12;
/** pg_t: version u8, pool u64, seed u32, preferred s32. */
const PG_BYTES = 17;
/** blkin_trace_info. */
const TRACE_BYTES = 24;
const FEATURES = 0x3f01cfb9fffdffffn;

/** spg_t. */
export interface PlacementGroup {
  readonly pool: number;
  readonly seed: number;
  /** Of an erasure-coded pool: where its primary stands; −1: of a replicated one. */
  readonly shard: number;
}

export interface OsdOp {
  readonly group: PlacementGroup;
  /** Of the name, whole: the group's seed is made of it. */
  readonly hash: number;
  readonly epoch: number;
  readonly flags: number;
  readonly globalId: bigint;
  readonly tid: number;
  readonly mtimeMs: number;
  readonly namespace: string;
  readonly name: string;
  /** Instead of the name to place it by; '': none. */
  readonly key: string;
  readonly steps: readonly Step[];
  /** How often it was sent before. */
  readonly attempt: number;
}

export function writeGroup(writer: DencWriter, { pool, seed, shard }: PlacementGroup): void {
  writer.enter(1, 1);
  writer.u8(1);
  writer.size(pool);
  writer.u32(seed);
  writer.s32(-1);
  writer.u8(shard & 0xff);
  writer.leave();
}

export function writeOsdOp(writer: DencWriter, op: OsdOp): void {
  writeGroup(writer, op.group);
  writer.u32(op.hash);
  writer.u32(op.epoch);
  writer.u32(op.flags);
  writeRequestId(writer, op.globalId, op.tid);
  writer.zeros(TRACE_BYTES);
  writer.u32(0); // client_inc
  writer.u32(Math.floor(op.mtimeMs / 1000));
  writer.u32((op.mtimeMs % 1000) * 1_000_000);
  writeLocator(writer, op.group.pool, op.namespace, op.key);
  writer.string(op.name);
  writer.u16(op.steps.length);
  for (const step of op.steps) {
    writer.u16(step.code);
    writer.u32(step.flags);
    writer.raw(step.args);
    writer.u32(step.head.length + step.payloadBytes);
  }
  writer.u64(NO_SNAP);
  writer.size(0); // snap_seq
  writer.u32(0); // snaps
  writer.s32(op.attempt);
  writer.u64(FEATURES);
}

/** osd_reqid_t: the OSD knows a request by it that is sent again. */
function writeRequestId(writer: DencWriter, globalId: bigint, tid: number): void {
  writer.enter(2, 2);
  writer.u8(ENTITY_CLIENT);
  writer.s64(BigInt.asIntN(64, globalId));
  writer.size(tid);
  writer.s32(0); // inc
  writer.leave();
}

/** What a reply says; its lists are filled again for each. */
export class OsdReply {
  /** Of the whole: 0 or more, or an error number below 0. */
  result = 0;
  epoch = 0;
  count = 0;
  /** By step: what came back, and how it ended. */
  readonly bytes: number[] = [];
  readonly results: number[] = [];
  /** Of the object. */
  version = 0n;
  /** It stands in another pool (a cache tier's). */
  isRedirected = false;

  read(reader: DencReader): void {
    this.readLengths(reader);
    reader.skip(4); // retry_attempt
    for (let i = 0; i < this.count; i++) this.results[i] = reader.s32();
    reader.skip(EVERSION_BYTES); // replay_version
    this.version = reader.u64();
    this.isRedirected = reader.bool();
  }

  /** As far as what came back of each step. */
  readLengths(reader: DencReader): void {
    reader.string(NAME_BYTES_MAX);
    reader.skip(PG_BYTES);
    reader.skip(8); // flags
    this.result = reader.s32();
    reader.skip(EVERSION_BYTES); // bad_replay_version
    this.epoch = reader.u32();
    this.count = reader.list(OPERATIONS_MAX, OPERATION_BYTES);
    for (let i = 0; i < this.count; i++) {
      reader.skip(PAYLOAD_LENGTH_AT);
      this.bytes[i] = reader.u32();
    }
  }
}

export const BACKOFF_BLOCK = 1;
export const BACKOFF_ACK_BLOCK = 2;
export const BACKOFF_UNBLOCK = 3;

/** MOSDBackoff: requests for a part of a placement group are dropped from here on, or are to be sent again. */
export interface Backoff {
  readonly group: PlacementGroup;
  readonly epoch: number;
  /** BACKOFF_… */
  readonly what: number;
  readonly id: bigint;
  /** Where the part begins and ends, as it came: acknowledgements repeat it. */
  readonly range: Uint8Array;
}

export function readBackoff(reader: DencReader): Backoff {
  reader.enter('spg_t', 1);
  reader.skip(1);
  const group = { pool: reader.size(), seed: reader.u32(), shard: -1 };
  reader.skip(4);
  const shard = (reader.u8() << 24) >> 24;
  reader.leave();
  const epoch = reader.u32();
  const what = reader.u8();
  const id = reader.u64();
  return { group: { ...group, shard }, epoch, what, id, range: reader.bytes(reader.remaining).slice() };
}

export function writeBackoff(writer: DencWriter, { group, epoch, what, id, range }: Backoff): void {
  writeGroup(writer, group);
  writer.u32(epoch);
  writer.u8(what);
  writer.u64(id);
  writer.raw(range);
}
