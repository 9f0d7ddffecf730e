// A daemon of a Ceph cluster in a test: started, ended, stopped in its tracks, and asked through its own socket.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const READY_PAUSE_MS = 10;
const ASK_TIMEOUT_MS = 20_000;
const FREEZE_TIMEOUT_MS = 10_000;

/** Where tools and daemons look before they look at the file they are told of. */
const CONFUSING = ['CEPH_CONF', 'CEPH_KEYRING', 'CEPH_ARGS', 'CEPH_LIB'];

/** The environment for everything of Ceph's. */
export function cephEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  for (const name of CONFUSING) delete env[name];
  return env;
}

/** One command through an admin socket: JSON and a nul byte there; a length, big-endian, and JSON back. */
function askSocket(path: string, command: Readonly<Record<string, unknown>>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(command)}\0`));
    const chunks: Buffer[] = [];
    socket.setTimeout(ASK_TIMEOUT_MS, () => socket.destroy(new Error(`${path} does not answer`)));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      const text = Buffer.concat(chunks).subarray(4).toString();
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Error(`${path} answers: ${text.slice(0, 1_000)}`));
      }
    });
  });
}

/** START of a process as scripts/test-sweep.mjs compares it: its number alone may be another's by then. */
function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

export interface DaemonOptions {
  /** `mon.a`, `osd.0`. */
  readonly name: string;
  /** The cluster's, with ceph.conf, logs and sockets. */
  readonly directory: string;
  /** Asked through its socket: that it is up is said by `state`. */
  readonly readiness: { readonly prefix: string; readonly states: readonly string[] };
  /** Called whenever a process begins or ends. */
  readonly noted: () => void;
}
/** Whether each of its threads is stopped: the state is the field behind the name, see proc_pid_stat(5). */
function isFrozen(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    } catch {
      return false; // it has ended since: the next look has a list without it
    }
  });
}

export class Daemon {
  readonly name: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #note: string | null = null;

  constructor(options: DaemonOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** For the sweep: `PID START`, or null while it is down. */
  get note(): string | null {
    return this.#note;
  }

  /** Its own words so far. */
  get log(): string {
    const file = join(this.#options.directory, `${this.name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** A command of its admin socket: `{ prefix: 'config set', var: …, val: … }`. */
  ask(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    return askSocket(this.#socket, { format: 'json', ...command });
  }

  get #socket(): string {
    return join(this.#options.directory, `${this.name}.asok`);
  }

  /** Starts it: it dies with this process, however that ends. */
  spawn(): void {
    if (this.#child !== null) throw new Error(`${this.name} runs`);
    const { directory } = this.#options;
    const [kind = '', id = ''] = this.name.split('.');
    const command = [`ceph-${kind}`, '-c', join(directory, 'ceph.conf'), '-i', id, '-f'];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      env: cephEnvironment(),
      cwd: directory,
      detached: true,
      stdio: 'ignore',
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    if (child.pid !== undefined) this.#note = `${child.pid} ${startOf(child.pid)}`;
    this.#options.noted();
  }

  /** Until it says that it is up. */
  async ready(): Promise<void> {
    const { prefix, states } = this.#options.readiness;
    const deadline = Date.now() + START_TIMEOUT_MS;
    let last: unknown = 'nothing';
    while (!this.#hasExited() && Date.now() < deadline) {
      last = await this.ask({ prefix }).catch(String);
      if (typeof last === 'object' && last !== null && 'state' in last && states.includes(String(last.state))) return;
      await pause(READY_PAUSE_MS);
    }
    throw new Error(`${this.name} did not start, its last word is ${JSON.stringify(last)}:\n${this.log.slice(-4_000)}`);
  }

  /** Ends it by SIGTERM, or `kill`: by SIGKILL. */
  async halt({ kill }: { readonly kill: boolean }): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.kill(kill ? 'SIGKILL' : 'SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(late);
    this.#child = null;
    this.#note = null;
    rmSync(this.#socket, { force: true });
    this.#options.noted();
  }

  /** Starts it again after `halt`. */
  async resume(): Promise<void> {
    this.spawn();
    await this.ready();
  }

  async restart(options: { readonly kill: boolean }): Promise<void> {
    await this.halt(options);
    await this.resume();
  }

  /** SIGSTOP: its connections stay, and nobody answers. */
  freeze(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    process.kill(pid, 'SIGSTOP');
    // A thread that runs on another processor stops when the signal reaches it, and may answer until then.
    const endMs = Date.now() + FREEZE_TIMEOUT_MS;
    while (!isFrozen(pid)) if (Date.now() > endMs) throw new Error(`process ${pid} does not stop`);
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  #hasExited(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
