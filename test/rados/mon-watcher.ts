// A client of a test's monitors: keeps what they tell, and waits for it.
import type { DioriteError } from '../../src/base/errors.js';
import { type ClusterOptions, readSettings } from '../../src/targets/rados/auth/settings.js';
import { ADDRESS_LEGACY, ADDRESS_MSGR2 } from '../../src/targets/rados/denc/entity-address.js';
import type { OsdMapUpdate } from '../../src/targets/rados/mon/messages.js';
import { connectCluster, type MonClient, type OsdPlace } from '../../src/targets/rados/mon/mon-client.js';
import type { Cleanup } from '../support/temp.js';
import type { Cluster } from './cluster.js';

export class MonWatcher {
  /** Epochs of the maps that came, by kind and in order. */
  readonly fulls: number[] = [];
  readonly incrementals: number[] = [];
  /** Why sessions were lost, in order. */
  readonly losses: DioriteError[] = [];
  /** Sessions that took their place. */
  found = 0;
  #waiting: (() => void)[] = [];

  osdMap(update: OsdMapUpdate): void {
    for (const { epoch } of update.fulls) this.fulls.push(epoch);
    for (const { epoch } of update.incrementals) this.incrementals.push(epoch);
    this.#tell();
  }

  session(error: DioriteError | null): void {
    if (error === null) this.found++;
    else this.losses.push(error);
    this.#tell();
  }

  get lost(): number {
    return this.losses.length;
  }

  get newest(): number {
    return Math.max(0, ...this.fulls, ...this.incrementals);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Connected, and closed after the test. */
export async function connected(
  t: Cleanup,
  cluster: Cluster,
  options: ClusterOptions = {},
): Promise<{ client: MonClient; watcher: MonWatcher }> {
  const watcher = new MonWatcher();
  const settings = await readSettings({ conf: cluster.confPath, keyring: cluster.keyringPath, ...options });
  const client = await connectCluster(settings, watcher);
  t.after(() => client.close());
  return { client, watcher };
}

/** Where an OSD is, as `osd dump` has it. */
export async function osdPlace(client: MonClient, id: number): Promise<OsdPlace> {
  const { output } = await client.command({ prefix: 'osd dump', format: 'json' });
  const { osds } = JSON.parse(output.toString()) as {
    osds: { osd: number; public_addrs: { addrvec: { type: string; addr: string; nonce: number }[] } }[];
  };
  const vector = osds.find(({ osd }) => osd === id)?.public_addrs.addrvec ?? [];
  const addresses = vector.map(({ type, addr, nonce }) => {
    const [host = '', port = ''] = addr.split(':');
    return { type: type === 'v2' ? ADDRESS_MSGR2 : ADDRESS_LEGACY, nonce, host, port: Number(port) };
  });
  return { id, addresses };
}
