// Messages between clients and monitors, encoded and decoded; nothing here keeps state.
import { hostname } from 'node:os';
import { type EntityAddress, readAddresses } from '../denc/entity-address.js';
import { DencReader } from '../denc/reader.js';
import type { DencWriter } from '../denc/writer.js';

const FSID_BYTES = 16;
const NAME_BYTES_MAX = 4096;
const TEXT_BYTES_MAX = 1024 * 1024;
const MAPS_MAX = 4096;
const MONITORS_MAX = 256;
const WORDS_MAX = 1024;
/** Before each message for paxos: version u64, mon s16, tid u64. */
const PAXOS_BYTES = 18;
/** Where MonMap has its monitors with all their addresses. */
const MONMAP_VERSION_MIN = 6;
const MONMAP_COMPAT_MAX = 9;
const MON_INFO_COMPAT_MAX = 9;

export interface MapBlob {
  readonly epoch: number;
  /** There until the callback returns. */
  readonly bytes: Uint8Array;
}

/** MOSDMap, whoever sent it. Both lists are by epoch, upwards. */
export interface OsdMapUpdate {
  /** As Ceph prints it. */
  readonly fsid: string;
  readonly incrementals: readonly MapBlob[];
  readonly fulls: readonly MapBlob[];
}

export interface MonMap {
  readonly fsid: string;
  readonly epoch: number;
  readonly monitors: readonly (readonly EntityAddress[])[];
}

export interface CommandResult {
  /** 0 or more, or an error number below 0. */
  readonly result: number;
  readonly status: string;
  readonly output: Buffer;
}

/** uuid_d as it is printed. */
export function fsidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function fsidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

export function readOsdMap(reader: DencReader): OsdMapUpdate {
  const fsid = fsidText(reader.bytes(FSID_BYTES));
  const incrementals = readBlobs(reader);
  return { fsid, incrementals, fulls: readBlobs(reader) };
}

function readBlobs(reader: DencReader): MapBlob[] {
  const count = reader.list(MAPS_MAX, 8);
  const blobs = Array.from({ length: count }, () => ({ epoch: reader.u32(), bytes: reader.blob() }));
  return blobs.sort((a, b) => a.epoch - b.epoch);
}

/** MMonMap. Null: of a release before Nautilus, which has no messenger v2. */
export function readMonMap(message: DencReader): MonMap | null {
  const reader = new DencReader(message.blob(), 'MonMap');
  const version = reader.enter('MonMap', MONMAP_COMPAT_MAX);
  if (version < MONMAP_VERSION_MIN) return null;
  const fsid = fsidText(reader.bytes(FSID_BYTES));
  const epoch = reader.u32();
  reader.skip(16); // last_changed, created
  for (const what of ['persistent features', 'optional features']) {
    reader.enter(what, 1);
    reader.leave();
  }
  const count = reader.list(MONITORS_MAX, 10);
  const monitors = Array.from({ length: count }, () => readMonitor(reader));
  reader.leave();
  return { fsid, epoch, monitors };
}

function readMonitor(reader: DencReader): EntityAddress[] {
  reader.string(NAME_BYTES_MAX);
  reader.enter('mon_info_t', MON_INFO_COMPAT_MAX);
  reader.string(NAME_BYTES_MAX);
  const addresses = readAddresses(reader);
  reader.leave();
  return addresses;
}

/** MMonSubscribe, version 3: to be told of each map of its kind from an epoch on. */
export function writeSubscribe(writer: DencWriter, starts: ReadonlyMap<string, number>): void {
  writer.u32(starts.size);
  for (const [what, start] of starts) {
    writer.string(what);
    writer.size(start);
    writer.u8(0); // not only once
  }
  writer.string(hostname());
}

function writePaxos(writer: DencWriter): void {
  writer.size(0);
  writer.s16(-1);
  writer.size(0);
}

/** MMonGetVersion. */
export function writeGetVersion(writer: DencWriter, tid: number, what: string): void {
  writer.size(tid);
  writer.string(what);
}

export function readVersion(reader: DencReader): { newest: number; oldest: number } {
  reader.skip(8);
  const newest = reader.size();
  return { newest, oldest: reader.size() };
}

/** MMonCommand. */
export function writeCommand(writer: DencWriter, fsid: string, command: string): void {
  writePaxos(writer);
  writer.raw(fsidBytes(fsid));
  writer.u32(1);
  writer.string(command);
}

export function readCommandResult(reader: DencReader, data: Buffer): CommandResult {
  reader.skip(PAXOS_BYTES);
  const result = reader.s32();
  const status = reader.string(TEXT_BYTES_MAX);
  const words = reader.list(WORDS_MAX, 4);
  for (let i = 0; i < words; i++) reader.blob();
  return { result, status, output: data };
}

/** MAuth: within a session only to renew tickets. */
export function writeAuth(writer: DencWriter, method: number, payload: Uint8Array): void {
  writePaxos(writer);
  writer.u32(method);
  writer.blob(payload);
  writer.u32(0); // of the monmap: none is asked for
}

export function readAuthReply(reader: DencReader): { result: number; payload: DencReader } {
  reader.skip(4);
  const result = reader.s32();
  reader.skip(8);
  return { result, payload: new DencReader(reader.blob(), 'MAuthReply') };
}
