/**
 * diorite/nfs: files and directories of NFS servers, in the shape of node:fs/promises. Files alone are opened and copied
 * by `open` and `copy` of the main entry, which take nfs:// URLs.
 * @module
 */
export type { NfsPath } from './nfs/arguments.js';
export { NfsClient, type NfsTime, type ReaddirOptions } from './nfs/client.js';
export type { NfsDirectory, NfsDirent } from './targets/nfs/directory.js';
