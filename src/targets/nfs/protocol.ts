// What the NFS target asks of a protocol version: v3 and v4.1 implement it, and nothing above knows which it is.
import type { DioriteError } from '../../base/errors.js';
import type { SegmentList } from '../../plan/request.js';
import type { RemoteAttributes, RemoteFileType } from '../net/remote-stats.js';

/** Opaque, at most 64 bytes in v3 and 128 in v4 (RFC 1813 §2.3.3, RFC 8881 §3.3.3). */
export type FileHandle = Uint8Array;

export type NfsFileType = RemoteFileType;

export interface NfsAttributes extends RemoteAttributes {
  /** v4's change counter; v3 has none. */
  readonly change: bigint | null;
}

/** What is left out stays as it is. `'now'`: the server's clock. */
export interface NfsSetAttributes {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
  readonly atimeNs?: bigint | 'now' | undefined;
  readonly mtimeNs?: bigint | 'now' | undefined;
}

export interface NfsObject {
  readonly handle: FileHandle;
  readonly attributes: NfsAttributes;
}

/** A file that is open for reading, writing or both. v3 has no such state on the server: there it is the handle. */
export interface NfsOpenFile {
  readonly handle: FileHandle;
  readonly reads: boolean;
  readonly writes: boolean;
}

export interface NfsOpenOptions {
  readonly reads: boolean;
  readonly writes: boolean;
  /**
   * `never`: ENOENT where there is none. `unchecked`: made where there is none. `exclusive`: EEXIST where there is one,
   * and a call that had to be sent twice still tells its own file from another's (EXCLUSIVE, EXCLUSIVE4_1).
   */
  readonly create: 'never' | 'unchecked' | 'exclusive';
  /** Of a file that is made. */
  readonly mode?: number | undefined;
  /**
   * Nobody else changes it: its name is known to nobody. v4 opens it again where the server has let go of it, as it does
   * of others only where they are read and their change counter tells that they are as they were.
   */
  readonly isPrivate?: boolean | undefined;
}

export interface NfsOpened {
  readonly file: NfsOpenFile;
  readonly attributes: NfsAttributes;
}

export interface NfsEntry {
  readonly name: string;
  readonly fileId: bigint;
  /** Where the server gave them along (READDIRPLUS; v4's attributes). */
  readonly attributes: NfsAttributes | null;
}

/** What a user may do with an object: the bits of the wire, RFC 1813 §3.3.4 and RFC 8881 §18.1. */
export const ACCESS = {
  READ: 0x01,
  /** Of a directory: to look names up in it. */
  LOOKUP: 0x02,
  MODIFY: 0x04,
  EXTEND: 0x08,
  DELETE: 0x10,
  EXECUTE: 0x20,
} as const;

/** A part of a directory. `cookie` and `verifier` go into the question for the next one. */
export interface NfsEntries {
  readonly entries: readonly NfsEntry[];
  readonly cookie: bigint;
  readonly verifier: bigint;
  readonly end: boolean;
}

export interface NfsSpace {
  readonly bytesTotal: bigint;
  readonly bytesFree: bigint;
  /** To this user. */
  readonly bytesAvailable: bigint;
  readonly filesTotal: bigint;
  readonly filesFree: bigint;
  readonly filesAvailable: bigint;
  readonly nameBytesMax: number;
}

/** The most that one call carries, after the server's word, the session's limits and the user's cap. */
export interface NfsLimits {
  readonly readBytesMax: number;
  readonly writeBytesMax: number;
  /** What the server likes best, at most the above. */
  readonly readBytesBest: number;
  readonly writeBytesBest: number;
  readonly fileBytesMax: bigint;
}

/** How far a WRITE's bytes are when it is answered: RFC 1813 §3.3.7, stable_how; the numbers of the wire. */
export type Committed = 0 | 1 | 2;
export const UNSTABLE: Committed = 0;
export const DATA_SYNC: Committed = 1;
export const FILE_SYNC: Committed = 2;

/**
 * A READ or WRITE in flight. The first `bytes` bytes of `segments` are its memory, and are the protocol's from the start
 * until exactly one of `readDone`, `writeDone`, `failed`: none of them before `startRead` or `startWrite` has returned,
 * none before the connection is done with the memory.
 */
export interface IoCall {
  readonly file: NfsOpenFile;
  readonly offset: number;
  readonly bytes: number;
  readonly segments: SegmentList;
  /**
   * `bytes` were read, fewer than asked perhaps; `end`: the server says that the file ends there. `copiedBytes`: how
   * many of them went through the connection's staging buffer.
   */
  readDone(bytes: number, end: boolean, copiedBytes: number): void;
  /** `verifier` names the server's life: what is UNSTABLE is lost when it changes. */
  writeDone(bytes: number, committed: Committed, verifier: bigint): void;
  /**
   * `unsent`: not a byte of it can have reached the server. `repeated`: it was sent more than once, and what the server
   * refused may have been carried out before.
   */
  failed(error: DioriteError, unsent: boolean, repeated: boolean): void;
}

/** What the server offers beyond the plain operations: as far as known; an answer NOTSUPP turns one to false. */
export interface NfsOffers {
  seek: boolean;
  allocate: boolean;
  deallocate: boolean;
  copy: boolean;
  clone: boolean;
}

/**
 * Names are single components, checked by the caller (no slash, not empty). Every promise rejects with a DioriteError
 * whose code is the errno, and whose message names the server, what was asked and the NFS status. The protocol waits
 * out DELAY, JUKEBOX and GRACE, reconnects and recovers state; with `soft` it gives up with ETIMEDOUT in the given time.
 */
export interface NfsProtocol {
  readonly version: '3' | '4.1' | '4.2';
  /** `host:port`, for messages. */
  readonly server: string;
  readonly limits: NfsLimits;
  readonly offers: NfsOffers;
  /**
   * Time was up for a call, or there is no connection, and nothing was heard since. Whoever clears up does not wait for
   * such a server.
   */
  readonly isSilent: boolean;
  /** The directory that was mounted: v3's export; v4: the root of the server's tree, or the export by path. */
  readonly root: NfsObject;

  // ---- data: no promise per call ----
  /** How many more reads and writes can be started now. v4: free slots. Calls beyond it wait inside, in order. */
  readonly room: number;
  /** Calls back once when `room` has become positive, never before this returns. */
  onceRoom(callback: () => void): void;
  startRead(call: IoCall): void;
  startWrite(call: IoCall, stable: Committed): void;
  /** Gives a call up: it fails with ECANCELED soon, once nothing touches its memory any more. */
  abandon(call: IoCall): void;
  /** Makes all UNSTABLE bytes of the file durable that were answered before this call; resolves with the verifier. */
  commit(file: NfsOpenFile): Promise<bigint>;

  // ---- files by name ----
  lookup(directory: FileHandle, name: string): Promise<NfsObject>;
  attributes(handle: FileHandle): Promise<NfsAttributes>;
  /** `file`: its open state is shown to the server (v4 needs it to change the size of an open file). */
  setAttributes(handle: FileHandle, set: NfsSetAttributes, file?: NfsOpenFile): Promise<void>;
  /** Which of the `asked` bits of ACCESS the server grants this user, whatever the mode looks like. */
  access(handle: FileHandle, asked: number): Promise<number>;
  readLink(handle: FileHandle): Promise<string>;
  open(directory: FileHandle, name: string, options: NfsOpenOptions): Promise<NfsOpened>;
  closeFile(file: NfsOpenFile): Promise<void>;
  remove(directory: FileHandle, name: string): Promise<void>;
  removeDirectory(directory: FileHandle, name: string): Promise<void>;
  /** A lost answer is settled by comparing file ids, never by sending it again blindly. */
  rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void>;
  link(handle: FileHandle, directory: FileHandle, name: string): Promise<void>;
  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject>;
  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject>;
  /** From the start with cookie 0 and verifier 0. `bytes`: how much to ask for at a time. */
  readDirectory(directory: FileHandle, cookie: bigint, verifier: bigint, bytes: number): Promise<NfsEntries>;
  space(handle: FileHandle): Promise<NfsSpace>;

  // ---- v4.2; ERR_DIORITE_UNSUPPORTED where the server has them not ----
  /** Where data (or a hole) begins at or behind the offset; null: none follows. The end of the file is a hole. */
  seek(file: NfsOpenFile, offset: number, what: 'data' | 'hole'): Promise<number | null>;
  allocate(file: NfsOpenFile, offset: number, length: number): Promise<void>;
  deallocate(file: NfsOpenFile, offset: number, length: number): Promise<void>;
  /** Copies within the server; resolves with how many bytes, fewer perhaps, and whether they are durable already. */
  copy(
    from: NfsOpenFile,
    fromOffset: number,
    to: NfsOpenFile,
    toOffset: number,
    length: number,
  ): Promise<{ readonly bytes: number; readonly committed: Committed; readonly verifier: bigint }>;
  clone(from: NfsOpenFile, fromOffset: number, to: NfsOpenFile, toOffset: number, length: number): Promise<void>;

  /** A NULL call there and back, in milliseconds. */
  ping(): Promise<number>;
  /** Gives up all state on the server and closes the connections. Nothing may be in flight. Idempotent. */
  close(): Promise<void>;
}
