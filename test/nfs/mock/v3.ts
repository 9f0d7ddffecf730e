// NFSv3 of the mock: the table of its procedures, RFC 1813 §3.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { type Call, nullWork, type Work } from './program.js';
import { type Procedure, runProcedure, V3Context } from './v3-context.js';
import { commit, read, write } from './v3-data.js';
import { access, fsinfo, fsstat, getattr, pathconf, readlink, setattr } from './v3-info.js';
import { readdir, readdirplus } from './v3-listing.js';
import { create, link, lookup, mkdir, mknod, remove, rename, symlink } from './v3-names.js';
import type { World } from './world.js';

type Decoder = (context: V3Context, xdr: XdrReader) => Procedure;

/** By number, from 1. */
const DECODERS: readonly Decoder[] = [
  getattr,
  setattr,
  lookup,
  access,
  readlink,
  read,
  write,
  create,
  mkdir,
  symlink,
  mknod,
  (context, xdr) => remove(context, xdr, 'REMOVE'),
  (context, xdr) => remove(context, xdr, 'RMDIR'),
  rename,
  link,
  readdir,
  readdirplus,
  fsstat,
  fsinfo,
  pathconf,
  commit,
];

export function decodeV3(world: World, call: Call, xdr: XdrReader): Work | null {
  if (call.procedure === 0) return nullWork();
  const decoder = DECODERS[call.procedure - 1];
  if (decoder === undefined) return null;
  const bodyAt = xdr.offset;
  const procedure = decoder(new V3Context(world), xdr);
  return {
    names: [procedure.name],
    harmful: procedure.isRepeatable ? null : procedure.name,
    bodyAt,
    run: (out, struck) => runProcedure(procedure, out, struck),
  };
}
