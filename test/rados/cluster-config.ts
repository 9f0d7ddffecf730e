// What a Ceph cluster of a test is told: its options, ceph.conf, and keys.
import { randomBytes } from 'node:crypto';
import { LOOPBACK } from '../nfs/ports.js';

export interface PoolOptions {
  readonly name: string;
  /** 8 unless given. */
  readonly pgs?: number;
  /** Copies of a replicated pool: 1 unless given. */
  readonly size?: number;
  /** An erasure-coded pool instead, over OSDs. */
  readonly erasure?: { readonly k: number; readonly m: number; readonly overwrites?: boolean };
}

export interface ClusterOptions {
  /** 'memstore' unless given: in memory, lost when its OSD ends otherwise than by SIGTERM. */
  readonly store?: 'memstore' | 'bluestore';
  /** 'cephx' unless given. */
  readonly auth?: 'cephx' | 'none';
  /** What every connection must be: 'crc' unless given. */
  readonly mode?: 'crc' | 'secure';
  /** 1 unless given. */
  readonly osds?: number;
  /** A replicated pool `data` unless given. */
  readonly pools?: readonly PoolOptions[];
  /** Further lines of [global], such as `'ms inject socket failures': '100'`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface ClusterPlace {
  readonly fsid: string;
  /** Configuration, keys, sockets, logs and the monitor's store. */
  readonly directory: string;
  /** Holds `osd.N`. */
  readonly osdDirectory: string;
  readonly monPorts: readonly [v2: number, v1: number];
}

/** A sparse file, of which is taken what is written; in memory, the most that is kept. */
const STORE_BYTES = 8 * 2 ** 30;
const MEMORY_STORE_BYTES = 4 * 2 ** 30;
/** The least that an OSD takes: what its caches may hold. */
const OSD_MEMORY_BYTES = 1024 ** 3;

export const DEFAULT_POOLS: readonly PoolOptions[] = [{ name: 'data' }];

/** As `mon host` and monmaptool have it. */
export function monAddresses({ monPorts: [v2, v1] }: ClusterPlace): string {
  return `[v2:${LOOPBACK}:${v2},v1:${LOOPBACK}:${v1}]`;
}

/** What makes a start quick: no manager, no waits of the monitor that gather proposals, and no second host to ask for. */
export function clusterConfig(place: ClusterPlace, options: ClusterOptions): string {
  const { directory, osdDirectory } = place;
  const mode = options.mode ?? 'crc';
  const auth = options.auth ?? 'cephx';
  const modes = ['cluster', 'service', 'client'].flatMap((side) => [
    [`ms ${side} mode`, mode],
    [`ms mon ${side} mode`, mode],
    [`auth ${side} required`, auth],
  ]);
  const global: Record<string, string> = {
    fsid: place.fsid,
    'mon host': monAddresses(place),
    'public addr': LOOPBACK,
    'cluster addr': LOOPBACK,
    ...Object.fromEntries(modes),
    keyring: `${directory}/keyring`,
    'run dir': directory,
    'crash dir': directory,
    'admin socket': `${directory}/$name.asok`,
    'log file': `${directory}/$name.log`,
    'pid file': '',
    'mon data': `${directory}/mon`,
    'osd data': `${osdDirectory}/osd.$id`,
    'osd objectstore': options.store ?? 'memstore',
    'memstore device bytes': String(MEMORY_STORE_BYTES),
    'bluestore block size': String(STORE_BYTES),
    'osd memory target': String(OSD_MEMORY_BYTES),
    'osd pool default size': '1',
    'osd pool default min size': '1',
    'osd pool default pg autoscale mode': 'off',
    'osd crush chooseleaf type': '0',
    'osd crush initial weight': '1',
    'mon allow pool size one': 'true',
    'mon allow pool delete': 'true',
    'paxos propose interval': '0.02',
    'paxos min wait': '0.01',
    ...options.settings,
  };
  // Tools are clients too: they would log, and open a socket, where daemons do.
  const client = { keyring: `${directory}/client.keyring`, 'log file': '', 'admin socket': '' };
  return section('global', global) + section('client', client);
}

function section(name: string, values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}\n`);
  return `[${name}]\n${lines.join('')}`;
}

/** struct CryptoKey: type 1 (AES), when it was made, 16 bytes. */
function newKey(): string {
  const secret = randomBytes(16);
  const head = Buffer.alloc(12);
  head.writeUInt16LE(1, 0);
  head.writeUInt32LE(Math.floor(Date.now() / 1000), 2);
  head.writeUInt16LE(secret.length, 10);
  return Buffer.concat([head, secret]).toString('base64');
}

function entity(name: string, caps: Readonly<Record<string, string>>): string {
  const granted = Object.entries(caps).map(([service, cap]) => [`caps ${service}`, `"${cap}"`]);
  return section(name, Object.fromEntries([['key', newKey()], ...granted]));
}

/** `daemons` is what the monitor knows from its first moment on, the client included. */
export function newKeyrings(osds: number): { daemons: string; client: string } {
  const client = entity('client.admin', { mon: 'allow *', osd: 'allow *', mds: 'allow *', mgr: 'allow *' });
  let daemons = entity('mon.', { mon: 'allow *' }) + client;
  for (let id = 0; id < osds; id++) daemons += entity(`osd.${id}`, { mon: 'allow profile osd', osd: 'allow *' });
  return { daemons, client };
}
