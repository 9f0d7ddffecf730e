// What is known of a file in a cluster, and what one request to it may look like.
import { createHash } from 'node:crypto';
import type { Limits } from '../../plan/limits.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { RemoteAttributes } from '../net/remote-stats.js';
import type { Looked, RadosBody } from './body.js';
import type { PoolRef } from './osd/pool-ref.js';

/** A shorter piece is cheaper gathered than handed to the socket by itself, as with every server. */
const COPY_BREAK_BYTES = 1024;
/** A page each: what an object of 4 MiB takes; each is an object while it is handed to the socket. */
export const RADOS_SEGMENTS_MAX = 1024;
/** Below osd_max_write_size (90 MiB), and what the kernel's client sends at most. */
export const REQUEST_BYTES_MAX: number = 64 * 2 ** 20;
/** Of one object, where it is a file by itself: larger ones are hard on OSDs, which take 128 MiB at most. */
export const OBJECT_WRITE_BYTES_MAX: number = 64 * 2 ** 20;
/** Sixteen keep an OSD busy, as `rados bench` has it. */
export const RADOS_BEST_DEPTH = 16;
/** Of the default layout's objects. */
const BLOCK_BYTES: number = 4 * 2 ** 20;
/** As a file that a program makes who says nothing of them: objects have none. */
const MODE = 0o666;

export function limitsOf(bestBytes: number): Limits {
  return {
    memoryAlignment: 1,
    anyMemory: true,
    offsetAlignment: 1,
    endAlignment: 1,
    maxBytes: REQUEST_BYTES_MAX,
    bestBytes: Math.min(REQUEST_BYTES_MAX, bestBytes),
    maxSegments: RADOS_SEGMENTS_MAX,
    bestSegments: RADOS_SEGMENTS_MAX,
    copyBreakBytes: COPY_BREAK_BYTES,
    boundaryBytes: 0,
    until: Number.POSITIVE_INFINITY,
  };
}

const ANY_BYTE = { value: 1, from: 'protocol' } as const;

/** Of no two files the same, whatever they are called by. */
export function keyOf({ objecter, pool, namespace }: PoolRef, name: string, isStriped: boolean): string {
  return `rados:${objecter.map.fsid}:${pool}:${JSON.stringify([namespace, name])}:${isStriped ? 'striped' : 'object'}`;
}

export function factsOf(body: RadosBody): FileFacts {
  return {
    kind: 'file',
    fsName: 'rados',
    fsMagic: 0,
    device: { major: 0, minor: 0 },
    deviceBytes: 0,
    inodeKey: keyOf(body.pool, body.name, body.layout !== undefined),
    memoryAlignment: ANY_BYTE,
    readAlignment: ANY_BYTE,
    writeAlignment: ANY_BYTE,
    endAlignment: ANY_BYTE,
    notDirect: { read: null, write: null },
    freeBytes: -1,
    atomicWrite: null,
  };
}

/** Objects have no numbers, no owners and one time: numbers are made of the names, and the rest is who asks. */
export function attributesOf(
  key: string,
  { sizeBytes, mtimeMs }: Looked,
  blockBytes: number = BLOCK_BYTES,
): RemoteAttributes {
  const digest = createHash('sha256').update(key).digest();
  const timeNs = BigInt(Math.floor(mtimeMs * 1000)) * 1000n;
  return {
    type: 'file',
    mode: MODE,
    links: 1,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size: BigInt(sizeBytes),
    blockBytes,
    used: BigInt(sizeBytes),
    rdevMajor: 0,
    rdevMinor: 0,
    // 53 bits, so that a Stats holds them whole.
    fsid: digest.readBigUInt64LE(0) >> 11n,
    fileId: digest.readBigUInt64LE(8) >> 11n,
    atimeNs: timeNs,
    mtimeNs: timeNs,
    ctimeNs: timeNs,
  };
}
