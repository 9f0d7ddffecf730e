// The administrator of a test's cluster: one process of Ceph's own Python module, asked line by line. The `ceph` command needs half a second a call.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cephEnvironment } from './daemon.js';

const COMMAND_TIMEOUT_SECONDS = 90;

/** Debian's own: another python3 may come first in PATH, and have no module `rados`. */
export const PYTHON = '/usr/bin/python3';

const SCRIPT = `
import json, sys, rados
cluster = rados.Rados(conffile=sys.argv[1], rados_id='admin')
limit = int(sys.argv[2])
def answer(call):
    if 'pool' in call:
        with cluster.open_ioctx(call['pool']) as pool:
            pool.write_full(call['name'], b'')
            pool.remove_object(call['name'])
        return 0, b'', ''
    command = json.dumps(call['command'])
    if 'osd' in call:
        return cluster.osd_command(call['osd'], command, b'', timeout=limit)
    return cluster.mon_command(command, b'', timeout=limit)
cluster.connect(timeout=limit)
for line in sys.stdin:
    try:
        code, out, status = answer(json.loads(line))
        print(json.dumps([code, out.decode('latin1'), status]), flush=True)
    except Exception as error:
        print(json.dumps([-1, '', repr(error)]), flush=True)
`;

export type Command = Readonly<Record<string, unknown>> & { readonly prefix: string };

type Call =
  | { readonly command: Command }
  | { readonly command: Command; readonly osd: number }
  | { readonly pool: string; readonly name: string };

interface Waiting {
  readonly call: Call;
  resolve(output: Buffer): void;
  reject(error: Error): void;
}

export class Admin {
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];
  readonly #exited: Promise<void>;
  #errors = '';

  constructor(confPath: string) {
    const argv = ['--pdeathsig', 'KILL', PYTHON, '-c', SCRIPT, confPath, String(COMMAND_TIMEOUT_SECONDS)];
    const child = spawn('setpriv', argv, { env: cephEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    child.stdin.on('error', () => undefined);
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('close', () => resolve());
    });
    void this.#exited.then(() => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the administrator ended: ${this.#errors}`));
    });
  }

  /** The process, for the sweep. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** A monitor's command, such as `{ prefix: 'osd out', ids: ['0'] }`: what it puts out. */
  command(command: Command): Promise<Buffer> {
    return this.#ask({ command });
  }

  async json(command: Command): Promise<unknown> {
    return JSON.parse((await this.command({ ...command, format: 'json' })).toString());
  }

  /** `ceph tell osd.N`. */
  tellOsd(osd: number, command: Command): Promise<Buffer> {
    return this.#ask({ command, osd });
  }

  /** Writes and removes an object: the pool works from then on. */
  async prove(pool: string): Promise<void> {
    await this.#ask({ pool, name: '.proof' });
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #ask(call: Call): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`the administrator ended: ${this.#errors}`));
        return;
      }
      this.#waiting.push({ call, resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify(call)}\n`);
    });
  }

  #answered(line: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    const [code, output, status] = JSON.parse(line) as [number, string, string];
    if (code >= 0) waiting.resolve(Buffer.from(output, 'latin1'));
    else waiting.reject(new Error(`${JSON.stringify(waiting.call)}: ${code} ${status}`));
  }
}
