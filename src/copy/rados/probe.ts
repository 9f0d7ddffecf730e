// probe() of a URL: what a cluster says of itself and of a pool, and what lies at the name.
import { chooseCarrier } from '../../targets/net/carrier.js';
import { named } from '../../targets/net/named.js';
import { alignmentOf } from '../../targets/rados/append-only.js';
import { crc32cBy } from '../../targets/rados/crc32c/crc32c.js';
import {
  OBJECT_WRITE_BYTES_MAX,
  RADOS_BEST_DEPTH,
  RADOS_SEGMENTS_MAX,
  REQUEST_BYTES_MAX,
} from '../../targets/rados/facts.js';
import { type Found, findFile } from '../../targets/rados/find.js';
import type { Objecter } from '../../targets/rados/osd/objecter.js';
import { isError, objectIn } from '../../targets/rados/osd/pool-ref.js';
import { assertExists } from '../../targets/rados/osd/step.js';
import {
  MAP_FULL,
  MAP_NEARFULL,
  MAP_PAUSE_READS,
  MAP_PAUSE_WRITES,
  OSD_EXISTS,
} from '../../targets/rados/osdmap/osd-map-data.js';
import {
  ERASURE,
  POOL_BACKFILLFULL,
  POOL_EC_OVERWRITES,
  POOL_FULL,
  POOL_FULL_QUOTA,
  POOL_NEARFULL,
  type Pool,
} from '../../targets/rados/osdmap/pool.js';
import { OBJECT_BYTES_MAX } from '../../targets/rados/striped/layout.js';
import { COPY_START } from '../copy-pace.js';
import { aboutMachine } from '../local/machine.js';
import { ADAPTED_DEPTH_MAX } from '../options.js';
import type { ProbedCluster, ProbedPool, ProbeResult } from '../probe.js';
import type { Reached } from './rados-place.js';

/** The shortest of so many tells the line and the OSD; the others met something else as well. */
const PINGS = 5;
const ANY_BYTE = { value: 1, from: 'protocol' } as const;

const MAP_FLAGS: readonly (readonly [number, string])[] = [
  [MAP_FULL, 'full'],
  [MAP_NEARFULL, 'nearfull'],
  [MAP_PAUSE_READS, 'pauserd'],
  [MAP_PAUSE_WRITES, 'pausewr'],
];
const POOL_FLAGS: readonly (readonly [number, string])[] = [
  [POOL_FULL, 'full'],
  [POOL_NEARFULL, 'nearfull'],
  [POOL_BACKFILLFULL, 'backfillfull'],
  [POOL_FULL_QUOTA, 'full_quota'],
  [POOL_EC_OVERWRITES, 'ec_overwrites'],
];

export function probeRados(name: string, reached: Reached): Promise<ProbeResult> {
  return named({ syscall: 'probe', path: name }, () => probed(name, reached));
}

async function probed(name: string, reached: Reached): Promise<ProbeResult> {
  const { url, pool, connection } = reached;
  const found = url.name === '' ? null : await findFile(pool, url.name, url.striped, name);
  const alignment = { value: alignmentOf(pool), from: 'protocol' } as const;
  return {
    path: name,
    kind: url.name === '' ? 'directory' : 'file',
    alignment: { memory: ANY_BYTE, read: ANY_BYTE, write: alignment, end: ANY_BYTE },
    notDirect: { read: null, write: null },
    fileSystem: { name: 'rados', magic: 0, freeBytes: -1 },
    device: null,
    cluster: {
      ...clusterOf(connection.objecter),
      pool: poolOf(await connection.pool(url.pool), url.pool, pool.namespace, alignment.value),
      file: fileOf(reached, found),
      roundTripMs: await roundTrip(reached),
    },
    engine: {
      name: 'rados',
      whyNotUring: chooseCarrier().reason ?? 'connections to clusters go through node:net',
      maxSegments: RADOS_SEGMENTS_MAX,
      depth: RADOS_BEST_DEPTH,
    },
    defaults: {
      start: {
        depth: RADOS_BEST_DEPTH,
        requestBytes: Math.min(COPY_START.requestBytes, url.striping.objectBytes),
        why: 'an object, or 4 MiB of it, a time; sixteen keep an OSD busy',
      },
      bounds: null,
      copy: COPY_START,
      copyDepthMax: ADAPTED_DEPTH_MAX,
    },
    ...aboutMachine(),
    notes:
      url.name !== '' && found === null ? ['Nothing has this name: the layout is that of a file that is made.'] : [],
  };
}

function clusterOf(objecter: Objecter): Pick<ProbedCluster, 'fsid' | 'epoch' | 'osds' | 'flags' | 'limits' | 'crc32c'> {
  const { map } = objecter;
  const all = [...map.data.osds.states.keys()].filter((osd) => ((map.data.osds.states[osd] ?? 0) & OSD_EXISTS) !== 0);
  return {
    fsid: map.fsid,
    epoch: map.epoch,
    osds: {
      all: all.length,
      up: all.filter((osd) => map.isUp(osd)).length,
      in: all.filter((osd) => (map.data.osds.weights[osd] ?? 0) > 0).length,
    },
    flags: namesOf(map.flags, MAP_FLAGS),
    limits: {
      requestBytesMax: REQUEST_BYTES_MAX,
      oneObjectBytesMax: OBJECT_WRITE_BYTES_MAX,
      stripedObjectBytesMax: OBJECT_BYTES_MAX,
    },
    crc32c: crc32cBy,
  };
}

function namesOf(flags: number, names: readonly (readonly [number, string])[]): string[] {
  return names.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]));
}

function poolOf(pool: Pool, name: string, namespace: string, alignment: number): ProbedPool {
  return {
    name,
    id: pool.id,
    namespace,
    type: pool.type === ERASURE ? 'erasure-coded' : 'replicated',
    size: pool.size,
    minSize: pool.minSize,
    placementGroups: pool.pgCount,
    alignment,
    overwrites: alignment === 1,
    flags: namesOf(pool.flags, POOL_FLAGS),
  };
}

function fileOf({ url }: Reached, found: Found | null): ProbedCluster['file'] {
  const wished = url.striped === false ? null : url.striping;
  if (found === null) return { exists: false, bytes: null, layout: wished };
  const { looked } = found;
  return { exists: true, bytes: looked.sizeBytes, layout: found.kind === 'striped' ? found.looked.striping : null };
}

/** To the OSD that has the name, or would have it: whether there is such an object is no matter. */
async function roundTrip({ url, pool }: Reached): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) {
    const startMs = performance.now();
    try {
      await pool.objecter.execute(objectIn(pool, url.name === '' ? 'probe' : url.name), [assertExists()]);
    } catch (error) {
      if (!isError(error, 'ENOENT')) throw error;
    }
    shortest = Math.min(shortest, performance.now() - startMs);
  }
  return shortest;
}
