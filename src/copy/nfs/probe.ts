// probe() of a URL: what an NFS server says of itself, and what lies at the path.
import { DioriteError } from '../../base/errors.js';
import { type Carrier, chooseCarrier } from '../../targets/net/carrier.js';
import { NFS_SEGMENTS_MAX } from '../../targets/nfs/facts.js';
import { NFS_BEST_DEPTH, type NfsTarget } from '../../targets/nfs/nfs-target.js';
import { askOffers, knownOffers, type Offered } from '../../targets/nfs/offers.js';
import type { NfsFileType, NfsLimits, NfsProtocol } from '../../targets/nfs/protocol.js';
import type { Place as Walked } from '../../targets/nfs/walk.js';
import { COPY_START } from '../copy-pace.js';
import { aboutMachine } from '../local/machine.js';
import { ADAPTED_DEPTH_MAX } from '../options.js';
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

/** `open`: gives the file at the path, where it is one. */
export async function probeNfs(
  name: string,
  { connection }: Reached,
  found: Walked,
  open: () => Promise<NfsTarget>,
): Promise<ProbeResult> {
  const { protocol } = connection;
  const kind = KINDS[found.attributes.type];
  const fsName = `nfs${protocol.version}`;
  const { bytesAvailable } = await protocol.space(found.handle);
  const operations = kind === 'file' ? await offersBy(protocol, open) : knownOffers(protocol);
  return {
    path: name,
    kind,
    alignment: { memory: ANY_BYTE, read: ANY_BYTE, write: ANY_BYTE, end: ANY_BYTE },
    notDirect: { read: null, write: null },
    fileSystem: { name: fsName, magic: 0, freeBytes: Number(bytesAvailable) },
    device: null,
    server: {
      name: protocol.server,
      protocol: 'NFS',
      version: protocol.version,
      limits: limitsOf(protocol.limits),
      operations,
      connection: connectionOf(chooseCarrier()),
      roundTripMs: await roundTrip(protocol),
    },
    defaults: {
      start: {
        depth: NFS_BEST_DEPTH,
        requestBytes: protocol.limits.readBytesBest,
        why: 'the READ that the server likes best; its slots, and the bytes in flight, bound how many there are',
      },
      bounds: null,
      copy: COPY_START,
      copyDepthMax: ADAPTED_DEPTH_MAX,
    },
    engine: {
      name: fsName,
      whyNotUring: 'a server is asked over TCP',
      maxSegments: NFS_SEGMENTS_MAX,
      depth: NFS_BEST_DEPTH,
    },
    ...aboutMachine(),
    notes: Object.values(operations).includes(null)
      ? ['Whether a server offers an operation is known when it was asked for it: probe a file that is not empty.']
      : [],
  };
}

/** Who may not read the file is told the rest all the same. */
async function offersBy(protocol: NfsProtocol, open: () => Promise<NfsTarget>): Promise<Offered> {
  let target: NfsTarget;
  try {
    target = await open();
  } catch (error) {
    if (error instanceof DioriteError && (error.code === 'EACCES' || error.code === 'EPERM'))
      return knownOffers(protocol);
    throw error;
  }
  try {
    return await askOffers(target);
  } finally {
    await target.close();
  }
}

function connectionOf({ name, reason }: Carrier): ProbedServer['connection'] {
  return { name, whyNotUring: reason };
}

async function roundTrip(protocol: NfsProtocol): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) shortest = Math.min(shortest, await protocol.ping());
  return shortest;
}

function limitsOf(limits: NfsLimits): ProbedServer['limits'] {
  const { readBytesMax, writeBytesMax, readBytesBest, writeBytesBest, fileBytesMax } = limits;
  const most = fileBytesMax > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(fileBytesMax);
  return { readBytesMax, writeBytesMax, readBytesBest, writeBytesBest, fileBytesMax: most };
}
