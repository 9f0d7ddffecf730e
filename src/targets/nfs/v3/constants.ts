// The numbers of NFSv3 and MOUNT version 3, all from RFC 1813.

export const NFS_PROGRAM = 100003;
export const NFS_VERSION = 3;

/** RFC 1813 §3.3. */
export const PROCEDURE = {
  NULL: 0,
  GETATTR: 1,
  SETATTR: 2,
  LOOKUP: 3,
  ACCESS: 4,
  READLINK: 5,
  READ: 6,
  WRITE: 7,
  CREATE: 8,
  MKDIR: 9,
  SYMLINK: 10,
  REMOVE: 12,
  RMDIR: 13,
  RENAME: 14,
  LINK: 15,
  READDIR: 16,
  READDIRPLUS: 17,
  FSSTAT: 18,
  FSINFO: 19,
  PATHCONF: 20,
  COMMIT: 21,
} as const;

/** RFC 1813 §2.4: NFS3_FHSIZE, NFS3_COOKIEVERFSIZE, NFS3_CREATEVERFSIZE, NFS3_WRITEVERFSIZE. */
export const HANDLE_BYTES_MAX = 64;
export const VERIFIER_BYTES = 8;

/** RFC 1813 §3.3.8: createmode3. */
export const CREATE_UNCHECKED = 0;
export const CREATE_GUARDED = 1;
export const CREATE_EXCLUSIVE = 2;

/** RFC 1813 sets no bound on names and paths: NAME_MAX and PATH_MAX of Linux, and what other systems are known to give. */
export const NAME_BYTES_MAX = 1024;
export const PATH_BYTES_MAX = 4096;

/** RFC 1813 §5. */
export const MOUNT_PROGRAM = 100005;
export const MOUNT_VERSION = 3;
export const MOUNT_MNT = 1;
export const MOUNT_UMNT = 3;
export const MOUNT_EXPORT = 5;
/** MNTPATHLEN and MNTNAMLEN. */
export const MOUNT_PATH_BYTES_MAX = 1024;
export const MOUNT_NAME_BYTES_MAX = 255;
