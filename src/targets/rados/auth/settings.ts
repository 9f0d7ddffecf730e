// Where a cluster is and who asks: what was given, else ceph.conf and keyrings, found as Ceph's own tools find them.
import { lookup } from 'node:dns/promises';
import { open } from 'node:fs/promises';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { basename } from 'node:path';
import { DioriteError, errors } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { ADDRESS_MSGR2, type EntityAddress } from '../denc/entity-address.js';
import { AUTH_CEPHX, AUTH_NONE } from '../msgr/authenticator.js';
import { MODE_CRC, MODE_SECURE } from '../msgr/frame.js';
import { CephConf, ClientConf, CONF_BYTES_MAX } from './ceph-conf.js';
import { CephKey } from './key.js';

const USER_DEFAULT = 'admin';
const CLUSTER_DEFAULT = 'ceph';
/** CEPH_MON_PORT_IANA: of messenger v2. */
const MON_PORT = 3300;
const TIMEOUT_DEFAULT_MS = 30_000;
const MONITORS_MAX = 64;
/** common/options.cc. */
const KEYRINGS_DEFAULT =
  '/etc/ceph/$cluster.$name.keyring,/etc/ceph/$cluster.keyring,/etc/ceph/keyring,/etc/ceph/keyring.bin';
const METHODS_DEFAULT = 'cephx, none';
const OSD_MODES_DEFAULT = 'crc secure';
const MON_MODES_DEFAULT = 'secure crc';

export interface ClusterOptions {
  /** Path of ceph.conf. Default: $CEPH_CONF, /etc/ceph/ceph.conf, ~/.ceph/ceph.conf, ./ceph.conf: the first there is. */
  readonly conf?: string | undefined;
  /** Path of a keyring. Default: $CEPH_KEYRING, what the configuration says, /etc/ceph. */
  readonly keyring?: string | undefined;
  /** `admin`, or `client.admin`. */
  readonly user?: string | undefined;
  /** Monitors, as `mon host` has them. */
  readonly mon?: string | undefined;
  /** For each wait: connecting, a command, a silent daemon. Default: 30 s. */
  readonly timeoutMs?: number | undefined;
}

/** All that connecting to a cluster takes. */
export interface ClusterSettings {
  readonly user: string;
  /** Null: none was found. */
  readonly key: CephKey | null;
  readonly monitors: readonly EntityAddress[];
  /** AUTH_…, the preferred one first. */
  readonly methods: readonly number[];
  /** MODE_…, the preferred one first. */
  readonly monModes: readonly number[];
  readonly osdModes: readonly number[];
  readonly timeoutMs: number;
}

export async function readSettings(options: ClusterOptions = {}): Promise<ClusterSettings> {
  const user = (options.user ?? USER_DEFAULT).replace(/^client\./, '');
  const { text, path } = await readConf(options);
  const cluster = /^(.+)\.conf$/.exec(basename(path))?.[1] ?? CLUSTER_DEFAULT;
  const conf = new ClientConf(CephConf.parse(text, path), user, cluster);
  const methods = methodsIn(conf.get('auth client required') ?? METHODS_DEFAULT);
  const monHost = options.mon ?? conf.get('mon host') ?? '';
  const monitors = await resolveMonitors(monHost);
  if (monitors.length === 0)
    throw errors.make('ERR_INVALID_ARG_VALUE', `No monitor is known: ${path} has no \`mon host\`, and none was given`);
  return {
    user,
    key: await findKey(options, conf),
    monitors,
    methods,
    monModes: modesIn(conf.get('ms mon client mode') ?? MON_MODES_DEFAULT),
    osdModes: modesIn(conf.get('ms client mode') ?? OSD_MODES_DEFAULT),
    timeoutMs: options.timeoutMs ?? TIMEOUT_DEFAULT_MS,
  };
}

async function readConf({ conf, mon }: ClusterOptions): Promise<{ text: string; path: string }> {
  const given = conf ?? process.env.CEPH_CONF;
  if (given !== undefined && given !== '') return { text: await readText(given), path: given };
  const places = ['/etc/ceph/ceph.conf', `${homedir()}/.ceph/ceph.conf`, 'ceph.conf'];
  for (const path of places) {
    const text = await readText(path).catch(missing);
    if (text !== null) return { text, path };
  }
  if (mon !== undefined) return { text: '', path: 'ceph.conf' };
  throw systemError(
    'ENOENT',
    `no ceph.conf: neither ${places.join(' nor ')}, and neither $CEPH_CONF nor monitors are given`,
  );
}

/** Null where there is no such file, or none that this user may read. */
function missing(error: unknown): null {
  const isMissing = error instanceof DioriteError && ['ENOENT', 'EACCES', 'ENOTDIR'].includes(error.code);
  if (isMissing) return null;
  throw error;
}

async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CONF_BYTES_MAX), 0, CONF_BYTES_MAX, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw systemError(String(error.code), `cannot read ${path}`, error);
    throw error;
  }
}

/** A key of the configuration comes before those of keyrings, as Ceph has it. */
async function findKey({ keyring }: ClusterOptions, conf: ClientConf): Promise<CephKey | null> {
  if (keyring !== undefined) return keyIn(keyring, conf, await readText(keyring));
  const key = conf.get('key');
  if (key !== undefined && key !== '') return CephKey.parse(key, 'the configuration');
  const keyFile = conf.get('keyfile');
  if (keyFile !== undefined && keyFile !== '') return CephKey.parse((await readText(keyFile)).trim(), keyFile);
  const environment = process.env.CEPH_KEYRING;
  const paths = conf.expand(environment || conf.get('keyring') || KEYRINGS_DEFAULT).split(/[,;]\s*/);
  for (const path of paths) {
    const text = await readText(path).catch(missing);
    const found = text === null ? null : keyIn(path, conf, text);
    if (found !== null) return found;
  }
  return null;
}

function keyIn(path: string, conf: ClientConf, text: string): CephKey | null {
  const key = CephConf.parse(text, path).of(conf.expand('$name'), 'key');
  return key === undefined ? null : CephKey.parse(key, path);
}

function methodsIn(text: string): number[] {
  const names = text.split(/[,;\s]+/);
  const methods = names.flatMap((name) => (name === 'cephx' ? [AUTH_CEPHX] : name === 'none' ? [AUTH_NONE] : []));
  if (methods.length === 0) throw systemError('ENOTSUP', `authentication "${text}" is neither cephx nor none`);
  return methods;
}

function modesIn(text: string): number[] {
  const modes = text
    .split(/[,;\s]+/)
    .flatMap((mode) => (mode === 'crc' ? [MODE_CRC] : mode === 'secure' ? [MODE_SECURE] : []));
  if (modes.length === 0) throw systemError('ENOTSUP', `the messenger's mode "${text}" is neither crc nor secure`);
  return modes;
}

/** One of `mon host`: `v2:host:port/nonce`, with as little of it as `host`. Null: of messenger v1. */
function parseMonitor(text: string): { host: string; port: number } | null {
  const [, protocol = '', bracketed, plain = '', port] =
    /^(?:(v1|v2|any):)?(?:\[([^\]]*)\]|([^:[\]/]+|[^[\]/]*:[^[\]/]*:[^[\]/]*))(?::(\d+))?(?:\/\d+)?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === '') throw errors.make('ERR_INVALID_ARG_VALUE', `"${text}" of \`mon host\` is no address`);
  return protocol === 'v1' ? null : { host, port: port === undefined ? MON_PORT : Number(port) };
}

/** Names stand for all their addresses. Brackets hold the addresses of one monitor, or an address of IPv6. */
async function resolveMonitors(text: string): Promise<EntityAddress[]> {
  const items = text.replace(/\[((?:v[12]|any):[^\]]*(?:\][^\]]*)*?)\](?=$|[,;\s])/g, '$1').split(/[,;\s]+/);
  const monitors: EntityAddress[] = [];
  for (const item of items.filter((part) => part !== '').slice(0, MONITORS_MAX)) {
    const parsed = parseMonitor(item);
    if (parsed === null) continue;
    const { host, port } = parsed;
    const hosts = isIP(host) > 0 ? [host] : (await resolved(host)).map(({ address }) => address);
    for (const address of hosts) monitors.push({ type: ADDRESS_MSGR2, nonce: 0, host: address, port });
  }
  return monitors;
}

async function resolved(host: string): Promise<{ address: string }[]> {
  try {
    return await lookup(host, { all: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'ENOTFOUND';
    throw systemError(code, `the monitor ${host} has no address`, error);
  }
}
