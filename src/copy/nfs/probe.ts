// probe() of a URL: what an NFS server says of itself, and what lies at the path.
import { NFS_BEST_DEPTH, NFS_SEGMENTS_MAX } from '../../targets/nfs/nfs-target.js';
import type { NfsFileType, NfsLimits, NfsProtocol } from '../../targets/nfs/protocol.js';
import type { Place as Walked } from '../../targets/nfs/walk.js';
import { aboutMachine } from '../local/machine.js';
import type { ProbedServer, ProbeResult } from '../probe.js';
import type { Reached } from './nfs-place.js';

/** The shortest of so many tells the line and the server; the others met something else as well. */
const PINGS = 5;

const KINDS: Readonly<Record<NfsFileType, ProbeResult['kind']>> = {
  file: 'file',
  directory: 'directory',
  block: 'block',
  character: 'char',
  fifo: 'stream',
  socket: 'stream',
  symlink: 'file',
};

const ANY_BYTE = { value: 1, from: 'protocol' } as const;

export async function probeNfs(name: string, { connection }: Reached, found: Walked): Promise<ProbeResult> {
  const { protocol } = connection;
  const fsName = `nfs${protocol.version}`;
  const { bytesAvailable } = await protocol.space(found.handle);
  return {
    path: name,
    kind: KINDS[found.attributes.type],
    alignment: { memory: ANY_BYTE, read: ANY_BYTE, write: ANY_BYTE, end: ANY_BYTE },
    notDirect: { read: null, write: null },
    fileSystem: { name: fsName, magic: 0, freeBytes: Number(bytesAvailable) },
    device: null,
    server: await aboutServer(protocol),
    engine: {
      name: fsName,
      whyNotUring: 'a server is asked over TCP',
      maxSegments: NFS_SEGMENTS_MAX,
      depth: NFS_BEST_DEPTH,
    },
    ...aboutMachine(),
    notes:
      protocol.version === '4.2'
        ? ['What a server of version 4.2 offers beyond reading and writing is known when it was first asked for it.']
        : [],
  };
}

async function aboutServer(protocol: NfsProtocol): Promise<ProbedServer> {
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) roundTripMs = Math.min(roundTripMs, await protocol.ping());
  return {
    name: protocol.server,
    protocol: 'NFS',
    version: protocol.version,
    limits: limitsOf(protocol.limits),
    operations: { ...protocol.offers },
    roundTripMs,
  };
}

function limitsOf(limits: NfsLimits): ProbedServer['limits'] {
  const { readBytesMax, writeBytesMax, readBytesBest, writeBytesBest, fileBytesMax } = limits;
  const most = fileBytesMax > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(fileBytesMax);
  return { readBytesMax, writeBytesMax, readBytesBest, writeBytesBest, fileBytesMax: most };
}
