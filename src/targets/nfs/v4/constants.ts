// Numbers of the NFSv4.1 and NFSv4.2 wire that this client uses: operations, statuses it acts on, flags, attributes.

export const NFS_PROGRAM = 100003;
export const NFS_VERSION = 4;
/** Where an NFSv4 server listens: RFC 8881 §2.9.1. */
export const NFS_PORT = 2049;
/** RFC 8881 §15 and §16: NFSv4 has two procedures. */
export const PROCEDURE_NULL = 0;
export const PROCEDURE_COMPOUND = 1;

/** nfs_opnum4: RFC 5662; from 59 on RFC 7863. */
export const OP = {
  CLOSE: 4,
  COMMIT: 5,
  CREATE: 6,
  DELEGRETURN: 8,
  ACCESS: 3,
  GETATTR: 9,
  GETFH: 10,
  LINK: 11,
  LOOKUP: 15,
  NVERIFY: 17,
  OPEN: 18,
  PUTFH: 22,
  PUTROOTFH: 24,
  READ: 25,
  READDIR: 26,
  READLINK: 27,
  REMOVE: 28,
  RENAME: 29,
  SAVEFH: 32,
  SETATTR: 34,
  VERIFY: 37,
  WRITE: 38,
  BIND_CONN_TO_SESSION: 41,
  EXCHANGE_ID: 42,
  CREATE_SESSION: 43,
  DESTROY_SESSION: 44,
  FREE_STATEID: 45,
  SEQUENCE: 53,
  TEST_STATEID: 55,
  DESTROY_CLIENTID: 57,
  RECLAIM_COMPLETE: 58,
  ALLOCATE: 59,
  COPY: 60,
  DEALLOCATE: 62,
  OFFLOAD_STATUS: 67,
  SEEK: 69,
  CLONE: 71,
} as const;

/** nfsstat4, as far as the client acts on them: RFC 8881 §15.1, RFC 7862 §11.1. All others are the caller's error. */
export const STATUS = {
  OK: 0,
  NOENT: 2,
  IO: 5,
  NXIO: 6,
  EXIST: 17,
  NOTDIR: 20,
  ISDIR: 21,
  STALE: 70,
  BADHANDLE: 10001,
  NOTSUPP: 10004,
  DELAY: 10008,
  SAME: 10009,
  EXPIRED: 10011,
  GRACE: 10013,
  FHEXPIRED: 10014,
  MINOR_VERS_MISMATCH: 10021,
  STALE_CLIENTID: 10022,
  STALE_STATEID: 10023,
  OLD_STATEID: 10024,
  BAD_STATEID: 10025,
  NOT_SAME: 10027,
  NO_GRACE: 10033,
  RECLAIM_BAD: 10034,
  RECLAIM_CONFLICT: 10035,
  OP_ILLEGAL: 10044,
  ADMIN_REVOKED: 10047,
  BADSESSION: 10052,
  BADSLOT: 10053,
  COMPLETE_ALREADY: 10054,
  CONN_NOT_BOUND_TO_SESSION: 10055,
  SEQ_MISORDERED: 10063,
  RETRY_UNCACHED_REP: 10068,
  SEQ_FALSE_RETRY: 10076,
  BAD_HIGH_SLOT: 10077,
  DEADSESSION: 10078,
  DELEG_REVOKED: 10087,
  UNION_NOTSUPP: 10090,
  OFFLOAD_NO_REQS: 10094,
} as const;

/** EXCHANGE_ID: RFC 8881 §18.35. No pNFS here; the server says `CONFIRMED_R` where it knew this very client already. */
export const EXCHGID4_FLAG_USE_NON_PNFS = 0x00010000;
export const EXCHGID4_FLAG_CONFIRMED_R = 0x80000000;
/** state_protect_how4. */
export const SP4_NONE = 0;

/** sr_status_flags of SEQUENCE: RFC 8881 §18.46.3. */
export const SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED = 0x0008;
export const SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED = 0x0010;
export const SEQ4_STATUS_ADMIN_STATE_REVOKED = 0x0020;
export const SEQ4_STATUS_RESTART_RECLAIM_NEEDED = 0x0100;

/** OPEN: RFC 8881 §18.16. */
export const OPEN4_SHARE_ACCESS_READ = 1;
export const OPEN4_SHARE_ACCESS_WRITE = 2;
export const OPEN4_SHARE_ACCESS_WANT_NO_DELEG = 0x400;
export const OPEN4_SHARE_DENY_NONE = 0;
export const OPEN4_NOCREATE = 0;
export const OPEN4_CREATE = 1;
export const CREATE_UNCHECKED4 = 0;
export const CREATE_EXCLUSIVE4_1 = 3;
export const CLAIM_NULL = 0;
export const CLAIM_PREVIOUS = 1;
export const CLAIM_FH = 4;
export const OPEN_DELEGATE_NONE = 0;
export const OPEN_DELEGATE_READ = 1;
export const OPEN_DELEGATE_WRITE = 2;
export const OPEN_DELEGATE_NONE_EXT = 3;
/** why_no_delegation4: these two say one thing more. */
export const WND4_CONTENTION = 1;
export const WND4_RESOURCE = 2;
/** nfs_space_limit4 of a write delegation: RFC 8881 §18.16. */
export const NFS_LIMIT_SIZE = 1;
export const NFS_LIMIT_BLOCKS = 2;

/** nfs_ftype4: RFC 8881 §3.2 (RFC 5662). */
export const NF4DIR = 2;
export const NF4LNK = 5;

/** SEEK: RFC 7862 §11.11 (data_content4). */
export const NFS4_CONTENT_DATA = 0;
export const NFS4_CONTENT_HOLE = 1;

/** File attributes: RFC 8881 §5. */
export const ATTRIBUTE = {
  SUPPORTED_ATTRS: 0,
  TYPE: 1,
  CHANGE: 3,
  SIZE: 4,
  FSID: 8,
  LEASE_TIME: 10,
  RDATTR_ERROR: 11,
  FILEID: 20,
  FILES_AVAIL: 21,
  FILES_FREE: 22,
  FILES_TOTAL: 23,
  MAXFILESIZE: 27,
  MAXNAME: 29,
  MAXREAD: 30,
  MAXWRITE: 31,
  MODE: 33,
  NUMLINKS: 35,
  OWNER: 36,
  OWNER_GROUP: 37,
  RAWDEV: 41,
  SPACE_AVAIL: 42,
  SPACE_FREE: 43,
  SPACE_TOTAL: 44,
  SPACE_USED: 45,
  TIME_ACCESS: 47,
  TIME_ACCESS_SET: 48,
  TIME_METADATA: 52,
  TIME_MODIFY: 53,
  TIME_MODIFY_SET: 54,
} as const;

/** time_how4. */
export const SET_TO_SERVER_TIME4 = 0;
export const SET_TO_CLIENT_TIME4 = 1;

/** Lengths that the protocol fixes or bounds: RFC 8881 §3.1 (RFC 5662). */
export const FILE_HANDLE_BYTES_MAX = 128;
export const SESSION_ID_BYTES = 16;
export const STATEID_BYTES = 16;
export const VERIFIER_BYTES = 8;
export const OPAQUE_BYTES_MAX = 1024;
/** Of the attributes of one object; the longest are two owner strings. */
export const ATTRIBUTE_BYTES_MAX: number = 16 * 1024;
/** PATH_MAX of Linux, with room. */
export const LINK_BYTES_MAX: number = 16 * 1024;
/** Of one name: NAME_MAX of Linux is 255, other systems count characters. */
export const NAME_BYTES_MAX = 4096;
/** attrmask words: attributes up to 8 × 32; three words are in use. */
export const BITMAP_WORDS_MAX = 8;
