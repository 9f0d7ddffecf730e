// What others make of the same vectors: a line for each, with its rule and where that was read.
import { size } from '../../draw/draw.js';
import type { Direction } from '../../plan/limits.js';
import type { Vector } from '../vectors.js';
import { cephRequests } from './ceph.js';
import { nfsCommits, nfsRequests } from './nfs.js';
import { type NodeCalls, nodeOneByOne, nodeVectored } from './node-fs.js';
import { type Asked, refusedByDirect } from './o-direct.js';

export interface Peer {
  readonly name: string;
  readonly requests: number;
  /** What is counted, in the plural. */
  readonly noun: string;
  readonly rule: string;
  /** What else is to be said of these vectors; '' where nothing is. */
  readonly note: string;
  readonly source: string;
}

export interface PeersInput {
  readonly vectors: readonly Vector[];
  readonly offset: number;
  readonly bytes: number;
  readonly direction: Direction;
  /** What O_DIRECT asks for there. */
  readonly asked: Asked;
  /** NFS: wsize or rsize. */
  readonly rpcBytes: number;
  readonly stripeUnitBytes: number;
}

/** `1 WRITE`, `897 WRITEs`: the words without the number. */
export function nounOf({ requests, noun }: Peer): string {
  return requests === 1 ? noun.replace(/s$/, '') : noun;
}

export function peersOf(input: PeersInput): readonly Peer[] {
  return [nodeVectoredPeer(input), nodeOneByOnePeer(input), nfsPeer(input), cephPeer(input)];
}

const LIBUV = 'libuv src/unix/fs.c';

function nodeVectoredPeer({ vectors, offset, bytes, direction, asked }: PeersInput): Peer {
  const calls = nodeVectored(vectors.map((vector) => vector.size));
  const name = direction === 'write' ? 'writev' : 'readv';
  const rule = `libuv: up to 1,024 vectors (IOV_MAX) a call${direction === 'read' ? ', then short' : ''}`;
  const note = stopped(calls, bytes) || refusedNote(refusedByDirect(vectors, offset, asked));
  return { name: `node:fs ${name}`, requests: calls.calls, noun: 'system calls', rule, note, source: LIBUV };
}

function nodeOneByOnePeer({ vectors, offset, direction, asked }: PeersInput): Peer {
  const { calls } = nodeOneByOne(vectors.map((vector) => vector.size));
  let at = offset;
  let refused: string | null = null;
  for (const vector of vectors) {
    if (vector.size > 0) refused ??= refusedByDirect([vector], at, asked);
    at += vector.size;
  }
  const rule = 'one call for each vector';
  return {
    name: `node:fs ${direction}`,
    requests: calls,
    noun: 'system calls',
    rule,
    note: refusedNote(refused),
    source: LIBUV,
  };
}

function stopped({ bytes }: NodeCalls, wanted: number): string {
  return bytes === wanted ? '' : `stops after ${size(bytes)}: 1,024 empty vectors look like the end`;
}

function refusedNote(what: string | null): string {
  return what === null ? '' : `with O_DIRECT: EINVAL (${what})`;
}

function nfsPeer({ vectors, direction, rpcBytes }: PeersInput): Peer {
  const requests = nfsRequests(vectors, rpcBytes);
  const commits = direction === 'write' ? nfsCommits(requests) : 0;
  return {
    name: 'Linux NFS client',
    requests,
    noun: direction === 'write' ? 'WRITEs' : 'READs',
    rule: `pieces join where pages do, up to ${direction === 'write' ? 'wsize' : 'rsize'} ${size(rpcBytes)}`,
    note: commits > 0 ? 'unstable: a COMMIT follows' : '',
    source: 'Linux fs/nfs/direct.c, fs/nfs/pagelist.c',
  };
}

function cephPeer({ offset, bytes, stripeUnitBytes }: PeersInput): Peer {
  return {
    name: 'Ceph kernel client',
    requests: cephRequests(offset, bytes, stripeUnitBytes),
    noun: 'requests',
    rule: `any memory; cut at stripe units of ${size(stripeUnitBytes)}`,
    note: '',
    source: 'Linux fs/ceph/file.c, net/ceph/striper.c',
  };
}
