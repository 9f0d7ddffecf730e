// READ, WRITE and COMMIT as both versions of the mock carry them out, with the lies that faults make them tell.
import type { Struck } from './faults.js';
import { fail, STATUS } from './status.js';
import type { Node } from './tree.js';
import type { World } from './world.js';

/** stable_how: RFC 1813 §3.3.7. */
const UNSTABLE = 0;
const FILE_SYNC = 2;

export interface ReadAnswer {
  readonly bytes: Uint8Array;
  /** What the answer says of them. */
  readonly count: number;
  readonly eof: boolean;
  /** The length before the payload. */
  readonly payloadLength: number;
}

export interface WriteAnswer {
  readonly count: number;
  readonly committed: number;
  readonly verifier: bigint;
}

function checkFile(node: Node): void {
  if (node.type !== 'file') fail(node.type === 'directory' ? STATUS.ISDIR : STATUS.INVAL);
}

export function readData(world: World, node: Node, offset: bigint, count: number, struck: Struck): ReadAnswer {
  checkFile(node);
  if (count > world.settings.readBytesMax) world.violation(`READ: ${count} bytes, above the limit that was told`);
  const at = offset > BigInt(node.size) ? node.size : Number(offset);
  const most = Math.min(count, struck.operation('READ', 'short')?.bytes ?? count);
  const bytes = new Uint8Array(Math.min(most, node.size - at));
  node.content.read(at, bytes);
  node.atimeNs = world.tree.now();
  const said = struck.operation('READ', 'count')?.count ?? bytes.length;
  return {
    bytes,
    count: said,
    eof: struck.operation('READ', 'eof')?.eof ?? at + bytes.length >= node.size,
    payloadLength: struck.operation('READ', 'payload')?.bytes ?? bytes.length,
  };
}

export function writeData(
  world: World,
  node: Node,
  offset: bigint,
  bytes: Uint8Array,
  stable: number,
  struck: Struck,
): WriteAnswer {
  checkFile(node);
  world.checkWritable();
  if (bytes.length > world.settings.writeBytesMax)
    world.violation(`WRITE: ${bytes.length} bytes, above the limit that was told`);
  const range = world.range(offset, BigInt(bytes.length));
  const part = bytes.subarray(0, struck.operation('WRITE', 'short')?.bytes ?? bytes.length);
  const said = struck.operation('WRITE', 'committed')?.committed;
  const isStable = stable !== UNSTABLE && (said === undefined || said !== UNSTABLE);
  world.tree.write(node, range.offset, part, isStable);
  return {
    count: struck.operation('WRITE', 'count')?.count ?? part.length,
    committed: said ?? (stable === UNSTABLE ? UNSTABLE : FILE_SYNC),
    verifier: struck.operation('WRITE', 'says verifier')?.verifier ?? world.writeVerifier,
  };
}

/** A count of 0: to the end of the file. Gives the verifier. */
export function commitData(world: World, node: Node, offset: bigint, count: number, struck: Struck): bigint {
  checkFile(node);
  const range = world.range(offset, BigInt(count));
  node.content.commit(range.offset, count === 0 ? Number.POSITIVE_INFINITY : count);
  return struck.operation('COMMIT', 'says verifier')?.verifier ?? world.writeVerifier;
}
