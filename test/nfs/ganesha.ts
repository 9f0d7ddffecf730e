// nfs-ganesha on the loopback interface for the time of a test: no systemd, no port 111, nothing outside its directory.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCommand, rootProblem, type Skippable } from '../support/needs.js';
import { type Cleanup, runDirectory } from '../support/temp.js';
import {
  ALL_VERSIONS,
  type GaneshaOptions,
  type GaneshaPlace,
  ganeshaConfig,
  type NfsVersion,
  START_SCRIPT,
} from './ganesha-config.js';
import { freePorts, LOOPBACK, type RpcProgram, untilAnswered } from './ports.js';

export type { GaneshaOptions, NfsVersion } from './ganesha-config.js';

const NFS_PROGRAM = 100003;
const MOUNT_PROGRAM = 100005;

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
/** Another process may take a port between our look and the server's bind. */
const PORT_ATTEMPTS = 4;

/** The server opens files by handle: these file systems are known to give one (f_type of statfs(2)). */
const FILE_SYSTEMS_WITH_HANDLES: readonly number[] = [0xef53 /* ext4 */, 0x58465342 /* XFS */, 0x01021994 /* tmpfs */];

export interface Ganesha {
  readonly host: string;
  readonly port: number;
  readonly mountPort: number;
  /** What URLs of it begin with to reach `vfsDirectory`. */
  readonly exportPath: string;
  /** What is behind /vfs, here. */
  readonly vfsDirectory: string;
  /** The server's own words so far. */
  readonly log: string;
  /** The running server; 0 while it is down. */
  readonly pid: number;
  /** `path` as the server names it: `/vfs/file`, `/mem/file`. */
  url(version: NfsVersion, path: string, parameters?: Readonly<Record<string, string>>): URL;
  /** Ends it, `kill`: by SIGKILL, and starts it again on the same ports, with the next epoch. */
  restart(options: { readonly kill: boolean }): Promise<void>;
  /** The first half of `restart`. */
  halt(options: { readonly kill: boolean }): Promise<void>;
  /** The second half of `restart`. */
  resume(): Promise<void>;
  /** Ends it and removes its directory. Idempotent. */
  stop(): Promise<void>;
}

let namespaceProblem: string | null | undefined;

/** Why no server can be started here, or null. */
export function ganeshaProblem(): string | null {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'nfs-ganesha needs root';
  const commands = ['ganesha.nfsd', 'rpcbind', 'setpriv', 'unshare'].filter((name) => !hasCommand(name));
  if (commands.length > 0) return `not installed: ${commands.join(', ')} (Debian: nfs-ganesha, rpcbind, util-linux)`;
  const plugins = spawnSync('sh', ['-c', 'ls /usr/lib/*/ganesha/libfsalvfs.so /usr/lib/*/ganesha/libfsalmem.so']);
  if (plugins.status !== 0) return 'not installed: nfs-ganesha-vfs, nfs-ganesha-mem';
  if (namespaceProblem === undefined) {
    const tried = spawnSync('unshare', ['--mount', '--propagation', 'private', 'true'], { encoding: 'utf8' });
    namespaceProblem = tried.status === 0 ? null : `no mount namespace: ${tried.stderr.trim()}`;
  }
  return namespaceProblem;
}

/** False, and the test is skipped, where no server can be started. */
export function requireGanesha(t: Skippable): boolean {
  const problem = ganeshaProblem();
  if (problem !== null) t.skip(problem);
  return problem === null;
}

/** START of a process as scripts/test-sweep.mjs compares it: its number alone may be another's by then. */
function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

function isIn(value: number, list: readonly number[]): boolean {
  // f_type is a signed word.
  return list.some((entry) => entry >>> 0 === value >>> 0);
}

class GaneshaServer implements Ganesha {
  readonly #options: GaneshaOptions;
  readonly #place: GaneshaPlace;
  readonly #ownsMount: boolean;
  #epoch: number;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #errors = '';
  #isStopped = false;

  constructor(options: GaneshaOptions, place: GaneshaPlace, ownsMount: boolean) {
    this.#options = options;
    this.#place = place;
    this.#ownsMount = ownsMount;
    this.#epoch = options.epoch ?? Math.floor(Date.now() / 1000);
  }

  get host(): string {
    return LOOPBACK;
  }

  get port(): number {
    return this.#place.port;
  }

  get mountPort(): number {
    return this.#place.mountPort;
  }

  get exportPath(): string {
    return '/vfs';
  }

  get vfsDirectory(): string {
    return this.#place.vfsDirectory;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    const file = join(this.#place.directory, 'log');
    return (existsSync(file) ? readFileSync(file, 'utf8') : '') + this.#errors;
  }

  url(version: NfsVersion, path: string, parameters: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(`nfs://${LOOPBACK}:${this.port}/`);
    url.pathname = path.split('/').map(encodeURIComponent).join('/');
    url.searchParams.set('version', version);
    if (version === '3') url.searchParams.set('mountport', String(this.mountPort));
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  async restart(options: { readonly kill: boolean }): Promise<void> {
    await this.halt(options);
    await this.resume();
  }

  async halt({ kill }: { readonly kill: boolean }): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    child.kill(kill ? 'SIGKILL' : 'SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(late);
    this.#child = null;
    rmSync(join(this.#place.directory, 'server.pid'), { force: true });
  }

  async resume(): Promise<void> {
    if (this.#child !== null || this.#isStopped) throw new Error('the server runs, or is stopped for good');
    writeFileSync(join(this.#place.directory, 'config'), ganeshaConfig(this.#place, this.#options));
    this.#spawn();
    this.#epoch += 1;
    if (await untilAnswered(this.#programs(), START_TIMEOUT_MS, () => this.#hasExited())) return;
    await this.halt({ kill: true });
    throw new Error(`nfs-ganesha did not start:\n${this.log.slice(-4_000)}`);
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    await this.halt({ kill: false });
    this.#isStopped = true;
    if (this.#ownsMount) spawnSync('umount', ['--lazy', this.vfsDirectory]);
    rmSync(this.#place.directory, { recursive: true, force: true });
  }

  #hasExited(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #programs(): RpcProgram[] {
    const versions = this.#options.versions ?? ALL_VERSIONS;
    const { port, mountPort } = this.#place;
    const found: RpcProgram[] = [];
    if (versions.includes('3')) found.push({ port: mountPort, program: MOUNT_PROGRAM, version: 3 });
    if (versions.includes('3')) found.push({ port, program: NFS_PROGRAM, version: 3 });
    if (versions.some((version) => version !== '3')) found.push({ port, program: NFS_PROGRAM, version: 4 });
    return found;
  }

  /** In a process group of its own; it dies with this process, however that ends, and the sweep knows it besides. */
  #spawn(): void {
    const { directory } = this.#place;
    const portmapper = (this.#options.versions ?? ALL_VERSIONS).includes('3') ? 'yes' : 'no';
    const command = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private'];
    const script = ['sh', '-c', START_SCRIPT, 'sh', directory, String(this.#epoch), portmapper];
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
    const child = spawn('setpriv', [...command, ...script], {
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-64 * 1024);
    });
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#errors += String(error);
        resolve();
      });
      child.once('exit', () => resolve());
    });
    this.#child = child;
    if (child.pid !== undefined) writeFileSync(join(directory, 'server.pid'), `${child.pid} ${startOf(child.pid)}\n`);
  }
}

/** The directory behind /vfs, and whether a tmpfs had to be mounted there. */
function prepareVfs(directory: string, options: GaneshaOptions): { vfsDirectory: string; ownsMount: boolean } {
  if (options.vfsDirectory !== undefined) return { vfsDirectory: options.vfsDirectory, ownsMount: false };
  const vfsDirectory = join(directory, 'vfs');
  mkdirSync(vfsDirectory);
  const ownsMount = !isIn(statfsSync(vfsDirectory).type, FILE_SYSTEMS_WITH_HANDLES);
  if (ownsMount) {
    const problem = rootProblem();
    if (problem !== null) throw new Error(`the temporary directory gives no file handles, and a tmpfs ${problem}`);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', 'diorite', vfsDirectory], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(`cannot mount a tmpfs: ${mounted.stderr}`);
  }
  chmodSync(vfsDirectory, 0o777);
  return { vfsDirectory, ownsMount };
}

/** A server that answers; it ends after the test at the latest. Ask `requireGanesha` first. */
export async function startGanesha(t: Cleanup, options: GaneshaOptions = {}): Promise<Ganesha> {
  for (let attempt = 1; ; attempt++) {
    const directory = mkdtempSync(join(runDirectory(), 'g-'));
    // The exported directory lies in it, and tests may be other users there.
    chmodSync(directory, 0o755);
    const { vfsDirectory, ownsMount } = prepareVfs(directory, options);
    mkdirSync(join(directory, 'recovery'));
    const [port = 0, mountPort = 0] = await freePorts('nfs', 2);
    const server = new GaneshaServer(options, { directory, vfsDirectory, port, mountPort }, ownsMount);
    try {
      await server.resume();
      t.after(() => server.stop());
      return server;
    } catch (error) {
      const isPortTaken = /Cannot bind|Address already in use/.test(server.log);
      await server.stop();
      if (!isPortTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
