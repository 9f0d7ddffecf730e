// Objects through librados, where it is installed: what Ceph's own client makes of the same requests.
//
//      const store = await LibradosStore.connect({ conf, keyring });
//      await store.execute({ pool, namespace, name }, [write(0, memory, bytes)]);
//      await store.close();
//
// It is loaded when it is asked for. Requests are made and submitted on the thread pool, since librados copies what is
// written on the thread that calls it; and so little is in flight that it never makes that thread wait.
import { type DioriteError, errors } from '../../../base/errors.js';
import { type Addon, addonProblem, loadAddon, type NativeRados } from '../../../memory/addon.js';
import type { ClusterOptions } from '../auth/settings.js';
import { daemonError } from '../errno.js';
import type { ObjectStore } from '../osd/object-store.js';
import { answerError } from '../osd/refusals.js';
import type { ObjectName, RequestResult } from '../osd/request.js';
import type { Step } from '../osd/step.js';
import { NativeSteps } from './native-steps.js';

const TIMEOUT_MS_DEFAULT = 30_000;
const USER_DEFAULT = 'admin';
/** Below objecter_inflight_ops and objecter_inflight_op_bytes, from which on librados makes its caller wait. */
const REQUESTS_MAX = 512;
const BYTES_MAX = 64 * 1024 * 1024;

/** Its version, or why it cannot be used. */
export function libradosVersion(): { readonly version: string } | { readonly reason: string } {
  const addon = loadAddon();
  if (addon === null) return { reason: `no addon: ${addonProblem() ?? 'it was not built'}` };
  try {
    return { version: addon.radosVersion() };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function zeroTerminated(...strings: readonly string[]): Buffer {
  for (const text of strings)
    if (text.includes('\0')) throw errors.make('ERR_INVALID_ARG_VALUE', 'A name for librados has a 0 byte in it');
  return Buffer.from(strings.map((text) => `${text}\0`).join(''));
}

function userOf({ user = USER_DEFAULT }: ClusterOptions): string {
  return user.replace(/^client\./, '');
}

function settingsOf(asked: ClusterOptions): Buffer {
  const { conf, keyring, mon, timeoutMs = TIMEOUT_MS_DEFAULT } = asked;
  const seconds = String(timeoutMs / 1000);
  const options: Record<string, string> = {
    rados_osd_op_timeout: seconds,
    rados_mon_op_timeout: seconds,
    client_mount_timeout: seconds,
    ...(keyring === undefined ? {} : { keyring }),
    ...(mon === undefined ? {} : { mon_host: mon }),
  };
  return zeroTerminated(userOf(asked), conf ?? '', ...Object.entries(options).flat());
}

export class LibradosStore implements ObjectStore {
  readonly #addon: Addon;
  readonly #client: NativeRados;
  readonly #user: string;
  #requests = 0;
  #bytes = 0;
  /** What waits for others to end, in order. */
  readonly #waiting: (() => void)[] = [];
  #closing: Promise<void> | null = null;

  /** Throws ERR_DIORITE_UNSUPPORTED where there is no librados, EACCES, ETIMEDOUT. */
  static async connect(options: ClusterOptions = {}): Promise<LibradosStore> {
    const found = libradosVersion();
    const addon = loadAddon();
    if ('reason' in found || addon === null)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `librados cannot be used: ${'reason' in found ? found.reason : ''}`);
    const settings = settingsOf(options);
    return await new Promise((resolve, reject) => {
      const client: NativeRados = addon.radosOpen(settings, (result) => {
        if (result >= 0) resolve(new LibradosStore(addon, client, userOf(options)));
        else reject(daemonError(result, `librados cannot connect to the cluster: ${result}`));
      });
    });
  }

  private constructor(addon: Addon, client: NativeRados, user: string) {
    this.#user = user;
    this.#addon = addon;
    this.#client = client;
  }

  async execute(object: ObjectName, steps: readonly Step[]): Promise<RequestResult> {
    const bytes = steps.reduce((sum, { payloadBytes, memoryBytes }) => sum + payloadBytes + memoryBytes, 0);
    while (this.#requests >= REQUESTS_MAX || (this.#bytes > 0 && this.#bytes + bytes > BYTES_MAX))
      await this.#someEnd();
    if (this.#closing !== null) throw closedError();
    this.#requests++;
    this.#bytes += bytes;
    try {
      return await this.#operate(object, steps);
    } finally {
      this.#requests--;
      this.#bytes -= bytes;
      for (const goOn of this.#waiting.splice(0)) goOn();
    }
  }

  #someEnd(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #operate(object: ObjectName, steps: readonly Step[]): Promise<RequestResult> {
    const { pool, namespace, name } = object;
    const strings = zeroTerminated(namespace, name);
    const native = new NativeSteps(steps, (buffer) => this.#addon.addressOf(buffer));
    const { words, out, writes } = native;
    const hold = [this.#client, native.hold, out, steps];
    return new Promise((resolve, reject) => {
      this.#addon.radosOperate(this.#client, pool, strings, writes, words, out, hold, (code, version, names) => {
        const ends = native.results(names);
        const result = code < 0 ? code : (ends.find((end) => end.result < 0)?.result ?? code);
        const answer = { result, version, steps: ends };
        const place = [`pool ${pool}`, namespace, name].filter(Boolean).join('/');
        if (result >= 0) resolve(answer);
        else reject(answerError(place, this.#user, steps, answer));
      });
    });
  }

  /** What was asked is waited for. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    while (this.#requests > 0) await this.#someEnd();
    await new Promise<void>((resolve) => this.#addon.radosClose(this.#client, () => resolve()));
  }
}

function closedError(): DioriteError {
  return errors.make('ERR_DIORITE_CLOSED', 'The connection to the cluster is closed');
}
