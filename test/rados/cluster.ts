// A real Ceph cluster on the loopback interface for the time of a test: one monitor, OSDs, no manager, nothing outside its directories.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts, LOOPBACK } from '../nfs/ports.js';
import { hasCommand, type Skippable } from '../support/needs.js';
import { type Cleanup, lastFirst, memoryDirectory, tempDirectory } from '../support/temp.js';
import { Admin, PYTHON } from './admin.js';
import {
  type ClusterOptions,
  type ClusterPlace,
  clusterConfig,
  DEFAULT_POOLS,
  monAddresses,
  newKeyrings,
  type PoolOptions,
} from './cluster-config.js';
import { cephEnvironment, Daemon } from './daemon.js';

export type { ClusterOptions, PoolOptions } from './cluster-config.js';

const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 120_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Another process may take a port between our look and the monitor's bind. */
const PORT_ATTEMPTS = 4;
const PGS_DEFAULT = 8;

const COMMANDS = ['ceph-mon', 'ceph-osd', 'rados', 'monmaptool', 'osdmaptool', 'crushtool', 'setpriv', PYTHON];

let moduleProblem: string | null | undefined;

/** Why no cluster can be started here, or null. */
export async function clusterProblem(): Promise<string | null> {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  const missing = COMMANDS.filter((name) => (name.startsWith('/') ? !existsSync(name) : !hasCommand(name)));
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (Debian: ceph-mon, ceph-osd, ceph-common)`;
  moduleProblem ??= await run(PYTHON, ['-c', 'import rados']).then(
    () => null,
    () => `not installed: the module rados of ${PYTHON} (Debian: python3-rados)`,
  );
  return moduleProblem;
}

/** False, and the test is skipped, where no cluster can be started. */
export async function requireCluster(t: Skippable): Promise<boolean> {
  const problem = await clusterProblem();
  if (problem !== null) t.skip(problem);
  return problem === null;
}

export class Cluster {
  readonly fsid: string;
  readonly host: string = LOOPBACK;
  /** Of messenger v2. */
  readonly monPort: number;
  readonly confPath: string;
  /** client.admin's. */
  readonly keyringPath: string;
  readonly directory: string;
  readonly mon: Daemon;
  readonly osds: readonly Daemon[];
  readonly #place: ClusterPlace;
  readonly #options: ClusterOptions;
  #admin: Admin | null = null;

  constructor(place: ClusterPlace, options: ClusterOptions) {
    this.#place = place;
    this.#options = options;
    this.fsid = place.fsid;
    this.directory = place.directory;
    this.monPort = place.monPorts[0];
    this.confPath = join(place.directory, 'ceph.conf');
    this.keyringPath = join(place.directory, 'client.keyring');
    const noted = (): void => this.#note();
    const { directory } = place;
    const readiness = { prefix: 'mon_status', states: ['leader'] };
    this.mon = new Daemon({ name: 'mon.a', directory, readiness, noted });
    this.osds = Array.from({ length: options.osds ?? 1 }, (_, id) => {
      return new Daemon({ name: `osd.${id}`, directory, readiness: { prefix: 'status', states: ['active'] }, noted });
    });
  }

  /** Commands of the monitor and of OSDs; while the monitor is down they wait. */
  get admin(): Admin {
    if (this.#admin === null) throw new Error('the cluster is not started');
    return this.#admin;
  }

  /** One of Ceph's commands, told of this cluster: `tool('rados', '-p', 'data', 'ls')`. */
  async tool(name: string, ...args: readonly string[]): Promise<Buffer> {
    const options = { timeout: TOOL_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, encoding: 'buffer' } as const;
    const { stdout } = await run(name, ['-c', this.confPath, ...args], { ...options, env: cephEnvironment() });
    return stdout;
  }

  /** The OSD map as the monitor encodes it; the last one unless an epoch is given. */
  osdMap(epoch?: number): Promise<Buffer> {
    return this.admin.command({ prefix: 'osd getmap', ...(epoch === undefined ? {} : { epoch }) });
  }

  async createPool(pool: PoolOptions): Promise<void> {
    const { name, erasure, size } = pool;
    const pgs = pool.pgs ?? PGS_DEFAULT;
    const create = { prefix: 'osd pool create', pool: name, pg_num: pgs, pgp_num: pgs };
    if (erasure === undefined) {
      await this.admin.command(size === undefined ? create : { ...create, size });
    } else {
      const profile = [`k=${erasure.k}`, `m=${erasure.m}`, 'crush-failure-domain=osd'];
      await this.admin.command({ prefix: 'osd erasure-code-profile set', name: `${name}-profile`, profile });
      await this.admin.command({ ...create, pool_type: 'erasure', erasure_code_profile: `${name}-profile` });
    }
    if (erasure?.overwrites === true)
      await this.admin.command({ prefix: 'osd pool set', pool: name, var: 'allow_ec_overwrites', val: 'true' });
    await this.admin.prove(name);
  }

  /** All that a start is; `stop` takes back what it made, whether it failed or not. */
  async start(): Promise<void> {
    const { directory, osdDirectory } = this.#place;
    const keyrings = newKeyrings(this.osds.length);
    writeFileSync(join(directory, 'keyring'), keyrings.daemons);
    writeFileSync(this.keyringPath, keyrings.client);
    writeFileSync(this.confPath, clusterConfig(this.#place, this.#options));
    const uuids = this.osds.map(() => randomUUID());
    const stores = this.osds.map((_, id) => {
      mkdirSync(join(osdDirectory, `osd.${id}`));
      return this.tool('ceph-osd', '-i', String(id), '--mkfs', '--osd-uuid', uuids[id] ?? '');
    });
    await Promise.all([this.#startMon(), ...stores]);
    this.#admin = new Admin(this.confPath);
    for (const [id, uuid] of uuids.entries()) await this.#admin.command({ prefix: 'osd new', uuid, id });
    for (const osd of this.osds) osd.spawn();
    await Promise.all(this.osds.map((osd) => osd.ready()));
    for (const pool of this.#options.pools ?? DEFAULT_POOLS) await this.createPool(pool);
  }

  /** Ends every process. Idempotent. */
  async stop(): Promise<void> {
    const daemons = [this.mon, ...this.osds];
    await Promise.all([this.#admin?.end(), ...daemons.map((daemon) => daemon.halt({ kill: true }))]);
  }

  async #startMon(): Promise<void> {
    const monMap = join(this.directory, 'monmap');
    const addresses = ['--addv', 'a', monAddresses(this.#place)];
    await this.tool('monmaptool', '--create', '--fsid', this.fsid, ...addresses, '--set-min-mon-release', '16', monMap);
    mkdirSync(join(this.directory, 'mon'));
    const keyring = join(this.directory, 'keyring');
    await this.tool('ceph-mon', '-i', 'a', '--mkfs', '--monmap', monMap, '--keyring', keyring);
    await this.mon.resume();
  }

  /** The daemons that run, a line each, for the sweep. */
  #note(): void {
    const notes = [this.mon, ...this.osds].flatMap((daemon) => daemon.note ?? []);
    writeFileSync(join(this.directory, 'server.pid'), notes.map((note) => `${note}\n`).join(''));
  }
}

/** Directories that the sweep knows; the socket's path must stay below 108 bytes. */
function makePlace(t: Cleanup, options: ClusterOptions, monPorts: readonly [number, number]): ClusterPlace {
  const directory = join(memoryDirectory(t), 'c');
  mkdirSync(directory);
  // BlueStore opens its file with O_DIRECT, which not every file system in memory takes.
  const osdDirectory = options.store === 'bluestore' ? tempDirectory(t) : directory;
  return { fsid: randomUUID(), directory, osdDirectory, monPorts };
}

/** A cluster whose pools take writes; it ends after the test at the latest. Ask `requireCluster` first. */
export async function startCluster(t: Cleanup, options: ClusterOptions = {}): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const [v2 = 0, v1 = 0] = await freePorts('ceph', 2);
    const later = lastFirst(t);
    const cluster = new Cluster(makePlace(later, options, [v2, v1]), options);
    later.after(() => cluster.stop());
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      const isPortTaken = /unable to bind/.test(cluster.mon.log);
      await cluster.stop();
      if (!isPortTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
