// Every status that an NFS server may answer with: its name in the protocol, the errno that it becomes, what it means.
import { constants } from 'node:os';
import { DioriteError } from '../../base/errors.js';

/** In which protocol a status was met: it gives the status its name. */
export type StatusFamily = 'NFS3ERR' | 'NFS4ERR' | 'MNT3ERR';

/** Statuses on which code decides; the numbers of v3 and v4 are the same. */
export const STATUS = {
  OK: 0,
  NOENT: 2,
  ACCES: 13,
  EXIST: 17,
  NOTDIR: 20,
  ISDIR: 21,
  INVAL: 22,
  STALE: 70,
  BADHANDLE: 10001,
  BAD_COOKIE: 10003,
  NOTSUPP: 10004,
  TOOSMALL: 10005,
  /** v4 calls it DELAY. */
  JUKEBOX: 10008,
  /** v4 alone: READDIR's verifier. */
  NOT_SAME: 10027,
} as const;

interface Meaning {
  readonly name: string;
  /** Where v4 writes it in another way. */
  readonly name4?: string;
  readonly code: string;
  readonly text: string;
}

/** RFC 1813 §2.6; all but NODEV, REMOTE and NOT_SYNC are v4's as well. The errno is what the Linux client gives. */
const SHARED: Readonly<Record<number, Meaning>> = {
  1: { name: 'PERM', code: 'EPERM', text: 'operation not permitted' },
  2: { name: 'NOENT', code: 'ENOENT', text: 'no such file or directory' },
  5: { name: 'IO', code: 'EIO', text: 'the server met an i/o error' },
  6: { name: 'NXIO', code: 'ENXIO', text: 'no such device or address' },
  13: { name: 'ACCES', name4: 'ACCESS', code: 'EACCES', text: 'permission denied' },
  17: { name: 'EXIST', code: 'EEXIST', text: 'file already exists' },
  18: { name: 'XDEV', code: 'EXDEV', text: 'cross-device link not permitted' },
  19: { name: 'NODEV', code: 'ENODEV', text: 'no such device' },
  20: { name: 'NOTDIR', code: 'ENOTDIR', text: 'not a directory' },
  21: { name: 'ISDIR', code: 'EISDIR', text: 'illegal operation on a directory' },
  22: { name: 'INVAL', code: 'EINVAL', text: 'invalid argument' },
  27: { name: 'FBIG', code: 'EFBIG', text: 'file too large' },
  28: { name: 'NOSPC', code: 'ENOSPC', text: 'no space left on device' },
  30: { name: 'ROFS', code: 'EROFS', text: 'read-only file system' },
  31: { name: 'MLINK', code: 'EMLINK', text: 'too many links' },
  63: { name: 'NAMETOOLONG', code: 'ENAMETOOLONG', text: 'name too long' },
  66: { name: 'NOTEMPTY', code: 'ENOTEMPTY', text: 'directory not empty' },
  69: { name: 'DQUOT', code: 'EDQUOT', text: 'disk quota exceeded' },
  70: { name: 'STALE', code: 'ESTALE', text: 'the file is no longer on the server' },
  71: { name: 'REMOTE', code: 'EREMOTE', text: 'the path leads to another server' },
  10001: { name: 'BADHANDLE', code: 'ESTALE', text: 'the server does not know this file handle' },
  10002: { name: 'NOT_SYNC', code: 'EAGAIN', text: 'the file changed in between' },
  10003: { name: 'BAD_COOKIE', code: 'EBADCOOKIE', text: 'the position in the directory no longer holds' },
  10004: { name: 'NOTSUPP', code: 'ENOTSUP', text: 'the server does not support this' },
  10005: { name: 'TOOSMALL', code: 'EINVAL', text: 'what was asked for at a time is too small' },
  10006: { name: 'SERVERFAULT', code: 'EREMOTEIO', text: 'the server failed' },
  10007: { name: 'BADTYPE', code: 'EINVAL', text: 'the server does not support files of this type' },
  10008: { name: 'JUKEBOX', name4: 'DELAY', code: 'EAGAIN', text: 'the server asks to try again later' },
};

/** RFC 8881 §15.1; RESOURCE and a few others are left from v4.0 (RFC 7530 §13.1). */
const V4: Readonly<Record<number, Meaning>> = {
  10009: { name: 'SAME', code: 'EIO', text: 'the attributes are the same' },
  10010: { name: 'DENIED', code: 'EAGAIN', text: 'the lock is held by another' },
  10011: { name: 'EXPIRED', code: 'EIO', text: 'the lease has expired' },
  10012: { name: 'LOCKED', code: 'EAGAIN', text: 'the file is locked' },
  10013: { name: 'GRACE', code: 'EAGAIN', text: 'the server has restarted and takes only reclaims' },
  10014: { name: 'FHEXPIRED', code: 'ESTALE', text: 'the file handle has expired' },
  10015: { name: 'SHARE_DENIED', code: 'EACCES', text: 'another client denies to share the file' },
  10016: { name: 'WRONGSEC', code: 'EPERM', text: 'the server asks for another security flavor here' },
  10017: { name: 'CLID_INUSE', code: 'EBUSY', text: 'another client uses this client id' },
  10018: { name: 'RESOURCE', code: 'EREMOTEIO', text: 'the server lacks resources' },
  10019: { name: 'MOVED', code: 'EREMOTE', text: 'the file system has moved to another server' },
  10020: { name: 'NOFILEHANDLE', code: 'EIO', text: 'no current file handle' },
  10021: { name: 'MINOR_VERS_MISMATCH', code: 'EPROTONOSUPPORT', text: 'the server lacks this minor version' },
  10022: { name: 'STALE_CLIENTID', code: 'EIO', text: 'the server does not know this client' },
  10023: { name: 'STALE_STATEID', code: 'EIO', text: 'the server has restarted since the file was opened' },
  10024: { name: 'OLD_STATEID', code: 'EIO', text: 'an old state of the open file' },
  10025: { name: 'BAD_STATEID', code: 'EIO', text: 'the server does not know that the file is open' },
  10026: { name: 'BAD_SEQID', code: 'EIO', text: 'a sequence number is out of order' },
  10027: { name: 'NOT_SAME', code: 'EBADCOOKIE', text: 'the directory changed while it was read' },
  10028: { name: 'LOCK_RANGE', code: 'EINVAL', text: 'the server cannot lock such a range' },
  10029: { name: 'SYMLINK', code: 'ELOOP', text: 'a symbolic link is in the place of a file' },
  10030: { name: 'RESTOREFH', code: 'EIO', text: 'no saved file handle' },
  10031: { name: 'LEASE_MOVED', code: 'EIO', text: 'the lease has moved to another server' },
  10032: { name: 'ATTRNOTSUPP', code: 'ENOTSUP', text: 'the server lacks an attribute' },
  10033: { name: 'NO_GRACE', code: 'EIO', text: 'the time to reclaim has passed' },
  10034: { name: 'RECLAIM_BAD', code: 'EIO', text: 'the server refuses to give the open file back' },
  10035: { name: 'RECLAIM_CONFLICT', code: 'EIO', text: 'another client has taken the file in between' },
  10036: { name: 'BADXDR', code: 'EIO', text: 'the server could not decode the call' },
  10037: { name: 'LOCKS_HELD', code: 'EBUSY', text: 'locks are held' },
  10038: { name: 'OPENMODE', code: 'EBADF', text: 'the file is not open for this' },
  10039: { name: 'BADOWNER', code: 'EINVAL', text: 'the server does not know this owner or group' },
  10040: { name: 'BADCHAR', code: 'EINVAL', text: 'the server refuses a character of the name' },
  10041: { name: 'BADNAME', code: 'EINVAL', text: 'the server refuses the name' },
  10042: { name: 'BAD_RANGE', code: 'EINVAL', text: 'the server does not support such a range' },
  10043: { name: 'LOCK_NOTSUPP', code: 'ENOTSUP', text: 'the server lacks such a lock' },
  10044: { name: 'OP_ILLEGAL', code: 'ENOTSUP', text: 'the server does not know the operation' },
  10045: { name: 'DEADLOCK', code: 'EDEADLK', text: 'the lock would be a deadlock' },
  10046: { name: 'FILE_OPEN', code: 'EBUSY', text: 'the file is open' },
  10047: { name: 'ADMIN_REVOKED', code: 'EIO', text: 'the administrator has taken the open file away' },
  10048: { name: 'CB_PATH_DOWN', code: 'EIO', text: 'the server cannot call this client back' },
  10049: { name: 'BADIOMODE', code: 'EINVAL', text: 'the layout is not for this' },
  10050: { name: 'BADLAYOUT', code: 'EINVAL', text: 'the layout is not valid' },
  10051: { name: 'BAD_SESSION_DIGEST', code: 'EIO', text: 'the digest of the session is wrong' },
  10052: { name: 'BADSESSION', code: 'EIO', text: 'the server does not know this session' },
  10053: { name: 'BADSLOT', code: 'EIO', text: 'the session has no such slot' },
  10054: { name: 'COMPLETE_ALREADY', code: 'EIO', text: 'reclaiming was ended before' },
  10055: { name: 'CONN_NOT_BOUND_TO_SESSION', code: 'EIO', text: 'the connection is not bound to the session' },
  10056: { name: 'DELEG_ALREADY_WANTED', code: 'EIO', text: 'the delegation was asked for before' },
  10057: { name: 'BACK_CHAN_BUSY', code: 'EBUSY', text: 'the server is still calling back' },
  10058: { name: 'LAYOUTTRYLATER', code: 'EAGAIN', text: 'no layout now' },
  10059: { name: 'LAYOUTUNAVAILABLE', code: 'ENOTSUP', text: 'no layout for this file' },
  10060: { name: 'NOMATCHING_LAYOUT', code: 'EINVAL', text: 'the client holds no such layout' },
  10061: { name: 'RECALLCONFLICT', code: 'EAGAIN', text: 'a recall is under way' },
  10062: { name: 'UNKNOWN_LAYOUTTYPE', code: 'EINVAL', text: 'the server does not know this type of layout' },
  10063: { name: 'SEQ_MISORDERED', code: 'EIO', text: 'the sequence number of the slot is out of order' },
  10064: { name: 'SEQUENCE_POS', code: 'EIO', text: 'SEQUENCE is not the first operation' },
  10065: { name: 'REQ_TOO_BIG', code: 'EMSGSIZE', text: 'the call is larger than the session allows' },
  10066: { name: 'REP_TOO_BIG', code: 'EMSGSIZE', text: 'the answer is larger than the session allows' },
  10067: { name: 'REP_TOO_BIG_TO_CACHE', code: 'EMSGSIZE', text: 'the answer is too large to be kept' },
  10068: { name: 'RETRY_UNCACHED_REP', code: 'EIO', text: 'the answer of the first sending was not kept' },
  10069: { name: 'UNSAFE_COMPOUND', code: 'EIO', text: 'the server will not risk these operations together' },
  10070: { name: 'TOO_MANY_OPS', code: 'EIO', text: 'more operations in a call than the session allows' },
  10071: { name: 'OP_NOT_IN_SESSION', code: 'EIO', text: 'an operation outside a session' },
  10072: { name: 'HASH_ALG_UNSUPP', code: 'ENOTSUP', text: 'the server lacks the hash algorithm' },
  10074: { name: 'CLIENTID_BUSY', code: 'EBUSY', text: 'the client still has state' },
  10075: { name: 'PNFS_IO_HOLE', code: 'EIO', text: 'a hole of the layout' },
  10076: { name: 'SEQ_FALSE_RETRY', code: 'EIO', text: 'another call with the sequence number of an earlier one' },
  10077: { name: 'BAD_HIGH_SLOT', code: 'EIO', text: 'the highest slot is wrong' },
  10078: { name: 'DEADSESSION', code: 'EIO', text: 'the session is being ended' },
  10079: { name: 'ENCR_ALG_UNSUPP', code: 'ENOTSUP', text: 'the server lacks the encryption algorithm' },
  10080: { name: 'PNFS_NO_LAYOUT', code: 'EIO', text: 'no layout is held' },
  10081: { name: 'NOT_ONLY_OP', code: 'EIO', text: 'the operation must stand alone' },
  10082: { name: 'WRONG_CRED', code: 'EPERM', text: 'the state belongs to another user' },
  10083: { name: 'WRONG_TYPE', code: 'EINVAL', text: 'an object of this type does not allow it' },
  10084: { name: 'DIRDELEG_UNAVAIL', code: 'EAGAIN', text: 'no delegation of the directory' },
  10085: { name: 'REJECT_DELEG', code: 'EIO', text: 'the delegation was rejected' },
  10086: { name: 'RETURNCONFLICT', code: 'EAGAIN', text: 'the layout is being returned' },
  10087: { name: 'DELEG_REVOKED', code: 'EIO', text: 'the delegation was taken away' },
};

/** RFC 7862 §11.1, and RFC 8276 §8.3 for the last two. */
const V42: Readonly<Record<number, Meaning>> = {
  10088: { name: 'PARTNER_NOTSUPP', code: 'ENOTSUP', text: 'the servers cannot copy between each other' },
  10089: { name: 'PARTNER_NO_AUTH', code: 'EACCES', text: 'the other server does not allow the copy' },
  10090: { name: 'UNION_NOTSUPP', code: 'ENOTSUP', text: 'the server lacks this arm of a union' },
  10091: { name: 'OFFLOAD_DENIED', code: 'EACCES', text: 'the server refuses to copy by itself' },
  10092: { name: 'WRONG_LFS', code: 'EINVAL', text: 'the server lacks this label format' },
  10093: { name: 'BADLABEL', code: 'EINVAL', text: 'the label is not valid' },
  10094: { name: 'OFFLOAD_NO_REQS', code: 'ENOTSUP', text: 'the server cannot copy in this way' },
  10095: { name: 'NOXATTR', code: 'ENODATA', text: 'no such extended attribute' },
  10096: { name: 'XATTR2BIG', code: 'E2BIG', text: 'the extended attribute is too large' },
};

/** Errno numbers of Linux that Node has no constant for; the last is the kernel's own, and no system call gives it. */
const LINUX_ERRNO: Readonly<Record<string, number>> = { EREMOTE: 66, EREMOTEIO: 121, EBADCOOKIE: 523 };

/** An answer of the server that is an error; `status` is the number on the wire. */
export class NfsStatusError extends DioriteError {
  readonly status: number;

  constructor(status: number, message: string, code: string, path: string | undefined) {
    super(message, { code, errno: errnoOf(code), path });
    this.status = status;
  }
}

/** −errno, as Node's errors have it; undefined where this machine has no such number. */
export function errnoOf(code: string): number | undefined {
  const numbers: Readonly<Record<string, number>> = constants.errno;
  const found = numbers[code] ?? (process.platform === 'linux' ? LINUX_ERRNO[code] : undefined);
  return found === undefined ? undefined : -found;
}

function meaningOf(status: number, family: StatusFamily): Meaning {
  const meaning = SHARED[status] ?? (family === 'NFS4ERR' ? (V4[status] ?? V42[status]) : undefined);
  return meaning ?? { name: '?', code: 'EIO', text: 'a status that the protocol does not have' };
}

/** `NFS3ERR_NOENT (2)` */
export function statusName(status: number, family: StatusFamily = 'NFS4ERR'): string {
  const { name, name4 } = meaningOf(status, family);
  return `${family}_${family === 'NFS4ERR' ? (name4 ?? name) : name} (${status})`;
}

/**
 * The error for a status other than OK: `what` was asked (`LOOKUP "x"`) of `server` (`host:port`). The message reads
 * `host:2049: LOOKUP "x": NFS4ERR_NOENT (2): no such file or directory`.
 */
export function nfsError(
  status: number,
  what: string,
  server: string,
  path?: string,
  family: StatusFamily = 'NFS4ERR',
): NfsStatusError {
  const { code, text } = meaningOf(status, family);
  return new NfsStatusError(status, `${server}: ${what}: ${statusName(status, family)}: ${text}`, code, path);
}

/** The NFS status behind an error; null: it was no answer of the server. */
export function statusOf(error: unknown): number | null {
  return error instanceof NfsStatusError ? error.status : null;
}
