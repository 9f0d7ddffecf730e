// NFS statuses that the mock answers: RFC 1813 §2.6, RFC 8881 §15.1, RFC 7862 §11.1. Typed in apart from the client's table.

export const STATUS = {
  OK: 0,
  PERM: 1,
  NOENT: 2,
  IO: 5,
  NXIO: 6,
  ACCESS: 13,
  EXIST: 17,
  XDEV: 18,
  NOTDIR: 20,
  ISDIR: 21,
  INVAL: 22,
  FBIG: 27,
  NOSPC: 28,
  ROFS: 30,
  NAMETOOLONG: 63,
  NOTEMPTY: 66,
  DQUOT: 69,
  STALE: 70,
  BADHANDLE: 10001,
  NOT_SYNC: 10002,
  BAD_COOKIE: 10003,
  NOTSUPP: 10004,
  TOOSMALL: 10005,
  SERVERFAULT: 10006,
  BADTYPE: 10007,
  /** JUKEBOX in v3. */
  DELAY: 10008,
  SAME: 10009,
  EXPIRED: 10011,
  GRACE: 10013,
  SHARE_DENIED: 10015,
  CLID_INUSE: 10017,
  NOFILEHANDLE: 10020,
  MINOR_VERS_MISMATCH: 10021,
  STALE_CLIENTID: 10022,
  STALE_STATEID: 10023,
  OLD_STATEID: 10024,
  BAD_STATEID: 10025,
  NOT_SAME: 10027,
  RESTOREFH: 10030,
  ATTRNOTSUPP: 10032,
  NO_GRACE: 10033,
  RECLAIM_BAD: 10034,
  BADXDR: 10036,
  OPENMODE: 10038,
  BADOWNER: 10039,
  BADNAME: 10041,
  OP_ILLEGAL: 10044,
  BADSESSION: 10052,
  BADSLOT: 10053,
  COMPLETE_ALREADY: 10054,
  CONN_NOT_BOUND_TO_SESSION: 10055,
  SEQ_MISORDERED: 10063,
  SEQUENCE_POS: 10064,
  REQ_TOO_BIG: 10065,
  REP_TOO_BIG: 10066,
  REP_TOO_BIG_TO_CACHE: 10067,
  RETRY_UNCACHED_REP: 10068,
  TOO_MANY_OPS: 10070,
  OP_NOT_IN_SESSION: 10071,
  CLIENTID_BUSY: 10074,
  SEQ_FALSE_RETRY: 10076,
  NOT_ONLY_OP: 10081,
  WRONG_TYPE: 10083,
  OFFLOAD_NO_REQS: 10094,
} as const;

/** What a procedure or operation throws to be answered with this status. */
export class NfsFailure extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`NFS status ${status}`);
    this.status = status;
  }
}

export function fail(status: number): never {
  throw new NfsFailure(status);
}
