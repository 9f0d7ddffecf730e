// libradosstriper itself, called by name from a process of Python's: the other side of every test of striped files.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Striping } from '../../src/targets/striping.js';
import type { Cleanup } from '../support/temp.js';
import { PYTHON } from './admin.js';
import type { Cluster } from './cluster.js';
import { cephEnvironment } from './daemon.js';

const SCRIPT = `
import base64, ctypes, json, sys
rados = ctypes.CDLL('librados.so.2')
striper = ctypes.CDLL('libradosstriper.so.1')
def well(code):
    if code < 0:
        raise OSError(-code, '')
    return code
cluster = ctypes.c_void_p()
well(rados.rados_create2(ctypes.byref(cluster), b'ceph', b'client.admin', ctypes.c_uint64(0)))
well(rados.rados_conf_read_file(cluster, sys.argv[1].encode()))
well(rados.rados_connect(cluster))
def files(call):
    pool = ctypes.c_void_p()
    well(rados.rados_ioctx_create(cluster, call['pool'].encode(), ctypes.byref(pool)))
    file = ctypes.c_void_p()
    well(striper.rados_striper_create(pool, ctypes.byref(file)))
    unit, count, size = call.get('layout', [4 << 20, 1, 4 << 20])
    well(striper.rados_striper_set_object_layout_stripe_unit(file, ctypes.c_uint(unit)))
    well(striper.rados_striper_set_object_layout_stripe_count(file, ctypes.c_uint(count)))
    well(striper.rados_striper_set_object_layout_object_size(file, ctypes.c_uint(size)))
    return pool, file
def answer(call):
    pool, file = files(call)
    try:
        name = call['name'].encode()
        do = call['do']
        if do == 'write':
            data = base64.b64decode(call['data'])
            well(striper.rados_striper_write(file, name, data, ctypes.c_size_t(len(data)), ctypes.c_uint64(call['at'])))
        elif do == 'read':
            room = ctypes.create_string_buffer(max(1, call['bytes']))
            got = well(striper.rados_striper_read(file, name, room, ctypes.c_size_t(call['bytes']), ctypes.c_uint64(call['at'])))
            return base64.b64encode(room.raw[:got]).decode()
        elif do == 'stat':
            size, time = ctypes.c_uint64(), ctypes.c_long()
            well(striper.rados_striper_stat(file, name, ctypes.byref(size), ctypes.byref(time)))
            return size.value
        elif do == 'truncate':
            well(striper.rados_striper_trunc(file, name, ctypes.c_uint64(call['bytes'])))
        elif do == 'remove':
            well(striper.rados_striper_remove(file, name))
    finally:
        striper.rados_striper_destroy(file)
        rados.rados_ioctx_destroy(pool)
for line in sys.stdin:
    try:
        print(json.dumps([0, answer(json.loads(line))]), flush=True)
    except OSError as error:
        print(json.dumps([error.errno, None]), flush=True)
`;

interface Waiting {
  readonly what: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Its calls reject with an error whose message ends in the error number. */
export class Striper {
  readonly #child: ChildProcess;
  readonly #pool: string;
  readonly #waiting: Waiting[] = [];
  #errors = '';

  private constructor(cluster: Cluster, pool: string) {
    const argv = ['--pdeathsig', 'KILL', PYTHON, '-c', SCRIPT, cluster.confPath];
    const child = spawn('setpriv', argv, { env: cephEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    this.#pool = pool;
    createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    child.stdin.on('error', () => undefined);
    child.once('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`libradosstriper ended: ${this.#errors}`));
    });
  }

  static start(t: Cleanup, cluster: Cluster, pool = 'data'): Striper {
    const striper = new Striper(cluster, pool);
    t.after(() => void striper.#child.kill('SIGKILL'));
    return striper;
  }

  /** The layout is that of a file that is not there. */
  async write(name: string, at: number, data: Buffer, layout?: Striping): Promise<void> {
    await this.#ask({ do: 'write', name, at, data: data.toString('base64'), layout: shapeOf(layout) });
  }

  async read(name: string, at: number, bytes: number): Promise<Buffer> {
    return Buffer.from(String(await this.#ask({ do: 'read', name, at, bytes })), 'base64');
  }

  async size(name: string): Promise<number> {
    return Number(await this.#ask({ do: 'stat', name }));
  }

  async truncate(name: string, bytes: number): Promise<void> {
    await this.#ask({ do: 'truncate', name, bytes });
  }

  /** It goes by this layout, and leaves objects where that is not the file's: a defect of libradosstriper. */
  async remove(name: string, layout?: Striping): Promise<void> {
    await this.#ask({ do: 'remove', name, layout: shapeOf(layout) });
  }

  #ask(call: Readonly<Record<string, unknown>> & { readonly do: string; readonly name: string }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ what: `${call.do} ${call.name}`, resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ ...call, pool: this.#pool })}\n`);
    });
  }

  #answered(line: string): void {
    const waiting = this.#waiting.shift();
    const [errno, value] = JSON.parse(line) as [number, unknown];
    if (errno === 0) waiting?.resolve(value);
    else waiting?.reject(new Error(`libradosstriper: ${waiting.what}: ${errno}`));
  }
}

function shapeOf(layout: Striping | undefined): readonly number[] | undefined {
  return layout && [layout.stripeUnitBytes, layout.stripeCount, layout.objectBytes];
}
