// The mock's READDIR and READDIRPLUS: RFC 1813 §3.3.16 and §3.3.17.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { paddingOf } from '../../../src/targets/nfs/xdr/writer.js';
import { dots, type Listing, listDirectory } from './listing.js';
import type { Entry, Node } from './tree.js';
import { readHandle } from './v3-codec.js';
import type { Procedure, Subject, V3Context } from './v3-context.js';

/** Status, attributes of the directory, verifier, the end of the list. */
const HEAD_BYTES = 4 + 4 + 84 + 8 + 8;
/** With attributes and a handle: what READDIRPLUS adds to an entry. */
const PLUS_BYTES = 4 + 84 + 4 + 4 + 24;

/** Its word in the list, file id, name, cookie. */
function plainBytes({ name }: Entry): number {
  const length = Buffer.byteLength(name);
  return 4 + 8 + 4 + length + paddingOf(length) + 8;
}

function* withDots(directory: Node): Generator<Entry> {
  yield* dots(directory);
  yield* directory.entries.values();
}

function list(
  context: V3Context,
  directory: Subject,
  from: { readonly cookie: bigint; readonly verifier: bigint },
  roomBytes: number,
  bytesOf: (entry: Entry) => number,
): Listing {
  const node = context.tree.directory(directory.node);
  return listDirectory(context.world, withDots(node), node, from, roomBytes - HEAD_BYTES, bytesOf);
}

function writeListing(
  out: XdrWriter,
  directory: Subject,
  { entries, verifier, end }: Listing,
  writeMore: (entry: Entry) => void,
): void {
  directory.writeAfter(out);
  out.u64(verifier);
  for (const entry of entries) {
    out.bool(true);
    out.u64(entry.node.id);
    out.string(entry.name);
    out.u64(entry.cookie);
    writeMore(entry);
  }
  out.bool(false);
  out.bool(end);
}

export function readdir(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const from = { cookie: xdr.u64(), verifier: xdr.u64() };
  const count = xdr.u32();
  return {
    name: 'READDIR',
    isRepeatable: true,
    ok: (out) => writeListing(out, directory, list(context, directory, from, count, plainBytes), () => undefined),
    failed: (out) => directory.writeAfter(out),
  };
}

export function readdirplus(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const from = { cookie: xdr.u64(), verifier: xdr.u64() };
  const plainMax = xdr.u32();
  const count = xdr.u32();
  return {
    name: 'READDIRPLUS',
    isRepeatable: true,
    ok: (out) => {
      let plainRoom = plainMax;
      const bytesOf = (entry: Entry): number => {
        plainRoom -= plainBytes(entry);
        return plainRoom < 0 ? Number.POSITIVE_INFINITY : plainBytes(entry) + PLUS_BYTES;
      };
      writeListing(out, directory, list(context, directory, from, count, bytesOf), ({ node }) => {
        context.writeAttributes(out, node);
        context.writeHandle(out, node);
      });
    },
    failed: (out) => directory.writeAfter(out),
  };
}
