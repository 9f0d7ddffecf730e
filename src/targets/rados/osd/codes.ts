// Numbers of operations on objects and their flags: include/rados.h.

export const OP_READ = 0x1201;
export const OP_STAT = 0x1202;
export const OP_SPARSE_READ = 0x1205;
export const OP_ASSERT_VERSION = 0x1208;
export const OP_OMAP_GET_KEYS = 0x1211;
export const OP_OMAP_GET_VALUES = 0x1212;
export const OP_OMAP_GET_HEADER = 0x1213;
export const OP_OMAP_GET_VALUES_BY_KEYS = 0x1214;
export const OP_COMPARE_EXTENT = 0x1220;
export const OP_WRITE = 0x2201;
export const OP_WRITE_FULL = 0x2202;
export const OP_TRUNCATE = 0x2203;
export const OP_ZERO = 0x2204;
export const OP_DELETE = 0x2205;
export const OP_APPEND = 0x2206;
export const OP_CREATE = 0x220d;
export const OP_COPY_FROM = 0x221a;
export const OP_OMAP_SET_VALUES = 0x2215;
export const OP_OMAP_SET_HEADER = 0x2216;
export const OP_OMAP_CLEAR = 0x2217;
export const OP_OMAP_REMOVE_KEYS = 0x2218;
export const OP_SET_ALLOCATION_HINT = 0x2223;
export const OP_GET_XATTR = 0x1301;
export const OP_GET_XATTRS = 0x1302;
export const OP_COMPARE_XATTR = 0x1303;
export const OP_SET_XATTR = 0x2301;
export const OP_REMOVE_XATTR = 0x2304;
export const OP_CALL = 0x1401;
export const OP_LIST_OBJECTS = 0x1505;

/** CEPH_OSD_OP_MODE_WR: the operation changes the object. */
const MODE_WRITE = 0x2000;

export function isWriting(code: number): boolean {
  return (code & MODE_WRITE) !== 0;
}

/** Of one operation, CEPH_OSD_OP_FLAG_*: creation fails where the object exists. */
export const OP_FLAG_EXCLUSIVE = 1;
/** What follows is done though this one failed. */
export const OP_FLAG_FAIL_OK = 2;

/** Of a request, CEPH_OSD_FLAG_*. */
export const FLAG_ON_DISK = 0x4;
export const FLAG_RETRY = 0x8;
export const FLAG_READ = 0x10;
export const FLAG_WRITE = 0x20;
/** It is for a placement group and not for an object. */
export const FLAG_PG_OP = 0x400;
/** Where the pool is full: ENOSPC at once, and deletes go through. */
export const FLAG_FULL_TRY = 0x800000;
/** Results of write operations come with the reply. */
export const FLAG_RETURN_VECTOR = 0x4000000;

/** CEPH_OSD_CMPXATTR_OP_*. */
export const COMPARE_EQUAL = 1;
export const COMPARE_NOT_EQUAL = 2;
export const COMPARE_GREATER = 3;
export const COMPARE_GREATER_OR_EQUAL = 4;
export const COMPARE_LESS = 5;
export const COMPARE_LESS_OR_EQUAL = 6;
/** CEPH_OSD_CMPXATTR_MODE_*: what the values are compared as. */
export const COMPARE_AS_TEXT = 1;
export const COMPARE_AS_NUMBER = 2;
