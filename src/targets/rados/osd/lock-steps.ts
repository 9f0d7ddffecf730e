// Advisory locks of objects: the methods of Ceph's object class `lock`, encoded and decoded (src/cls/lock/cls_lock_ops.h).
import { errors } from '../../../base/errors.js';
import { type EntityAddress, readAddress } from '../denc/entity-address.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { call, type Step } from './step.js';

const CLASS = 'lock';
/** ClsLockType. */
const EXCLUSIVE = 1;
const SHARED = 2;
const EXCLUSIVE_EPHEMERAL = 3;
/** LOCK_FLAG_MAY_RENEW, LOCK_FLAG_MUST_RENEW. */
const FLAG_MAY_RENEW = 1;
const FLAG_MUST_RENEW = 2;

const LOCKERS_MAX = 65_536;
const TEXT_BYTES_MAX = 65_536;
/** locker_id_t and locker_info_t at their shortest. */
const LOCKER_BYTES_MIN = 19 + 31;
const ENTITY_KINDS: ReadonlyMap<number, string> = new Map([
  [1, 'mon'],
  [2, 'mds'],
  [4, 'osd'],
  [8, 'client'],
  [16, 'mgr'],
]);

export interface LockOwner {
  /** Of the lock: an object may have several. */
  readonly name: string;
  /** Tells the locks of one client apart. */
  readonly cookie: string;
}

export interface LockTerms extends LockOwner {
  readonly exclusive: boolean;
  /** All who share it must give the same. */
  readonly tag: string;
}

export interface LockRequest extends LockTerms {
  /** For who looks. */
  readonly description: string;
  /** 0: it never expires. */
  readonly ttlMs: number;
  /** Taken where it is held already: `may`; only there, ENOENT elsewhere: `must`; EEXIST there: `no`. */
  readonly renew: 'no' | 'may' | 'must';
}

export interface Locker {
  /** `client.4123`: 'client' and the number that the monitors gave it. */
  readonly client: string;
  readonly cookie: string;
  readonly description: string;
  readonly address: EntityAddress;
  /** By the clock of the OSD; null: never. */
  readonly expires: Date | null;
}

export interface LockInfo {
  readonly exclusive: boolean;
  readonly tag: string;
  /** None: nobody holds it. */
  readonly lockers: readonly Locker[];
}

function input(write: (writer: DencWriter) => void): Buffer {
  const writer = new DencWriter();
  writer.enter(1, 1);
  write(writer);
  writer.leave();
  return writer.bytes;
}

/** EBUSY where another holds it. An object that is not there is made, empty. */
export function lock({ name, exclusive, cookie, tag, description, ttlMs, renew }: LockRequest): Step {
  const write = (writer: DencWriter): void => {
    writer.string(name);
    writer.u8(exclusive ? EXCLUSIVE : SHARED);
    writer.string(cookie);
    writer.string(tag);
    writer.string(description);
    writer.u32(Math.floor(ttlMs / 1000));
    writer.u32(Math.floor((ttlMs % 1000) * 1e6));
    writer.u8(renew === 'may' ? FLAG_MAY_RENEW : renew === 'must' ? FLAG_MUST_RENEW : 0);
  };
  return call(CLASS, 'lock', input(write), true);
}

/** ENOENT where it is not held, or has expired. */
export function unlock({ name, cookie }: LockOwner): Step {
  const write = (writer: DencWriter): void => {
    writer.string(name);
    writer.string(cookie);
  };
  return call(CLASS, 'unlock', input(write), true);
}

/** Takes it from `client`, as `lockInfo` names it. ENOENT where that does not hold it. */
export function breakLock(name: string, { client, cookie }: Pick<Locker, 'client' | 'cookie'>): Step {
  const [, kind, id = ''] = /^([a-z]+)\.(\d{1,18})$/.exec(client) ?? [];
  const type = [...ENTITY_KINDS].find(([, text]) => text === kind)?.[0];
  if (type === undefined) throw errors.invalidValue('locker.client', "such as 'client.4123'", client);
  const write = (writer: DencWriter): void => {
    writer.string(name);
    writer.u8(type);
    writer.s64(BigInt(id));
    writer.string(cookie);
  };
  return call(CLASS, 'break_lock', input(write), true);
}

/** EBUSY unless we hold it on these terms: together with other steps, those are done only then. */
export function assertLocked({ name, exclusive, cookie, tag }: LockTerms): Step {
  const write = (writer: DencWriter): void => {
    writer.string(name);
    writer.u8(exclusive ? EXCLUSIVE : SHARED);
    writer.string(cookie);
    writer.string(tag);
  };
  return call(CLASS, 'assert_locked', input(write), false);
}

/** Its result is read by `readLockInfo`. */
export function lockInfo(name: string): Step {
  return call(
    CLASS,
    'get_info',
    input((writer) => writer.string(name)),
    false,
  );
}

/** Its result is read by `readLockNames`: locks that are held or once were. */
export function lockNames(): Step {
  return call(CLASS, 'list_locks', new Uint8Array(0), false);
}

export function readLockInfo(data: Uint8Array): LockInfo {
  const reader = new DencReader(data, 'a lock');
  reader.enter('cls_lock_get_info_reply', 1);
  const count = reader.list(LOCKERS_MAX, LOCKER_BYTES_MIN);
  const lockers = Array.from({ length: count }, () => readLocker(reader));
  const type = reader.u8();
  const tag = reader.string(TEXT_BYTES_MAX);
  reader.leave();
  return { exclusive: type === EXCLUSIVE || type === EXCLUSIVE_EPHEMERAL, tag, lockers };
}

function readLocker(reader: DencReader): Locker {
  reader.enter('locker_id_t', 1);
  const type = reader.u8();
  const client = `${ENTITY_KINDS.get(type) ?? `type ${type}`}.${reader.s64()}`;
  const cookie = reader.string(TEXT_BYTES_MAX);
  reader.leave();
  reader.enter('locker_info_t', 1);
  const seconds = reader.u32();
  const nanoseconds = reader.u32();
  const address = readAddress(reader);
  const description = reader.string(TEXT_BYTES_MAX);
  reader.leave();
  const isEndless = seconds === 0 && nanoseconds === 0;
  return {
    client,
    cookie,
    description,
    address,
    expires: isEndless ? null : new Date(seconds * 1000 + nanoseconds / 1e6),
  };
}

export function readLockNames(data: Uint8Array): string[] {
  const reader = new DencReader(data, 'names of locks');
  reader.enter('cls_lock_list_locks_reply', 1);
  const count = reader.list(LOCKERS_MAX, 4);
  const names = Array.from({ length: count }, () => reader.string(TEXT_BYTES_MAX));
  reader.leave();
  return names;
}
