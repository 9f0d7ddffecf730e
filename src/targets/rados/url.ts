// rados://pool/name?option=…: taken apart and checked, before anything is asked of a cluster.
import { errors } from '../../base/errors.js';
import type { Striping } from '../striping.js';
import type { ClusterOptions } from './auth/settings.js';
import { checkStriping, DEFAULT_STRIPING, NAME_BYTES_MAX, STRIPE_UNIT_BYTES_MIN } from './striped/layout.js';

const PARAMETERS = [
  'conf',
  'keyring',
  'user',
  'mon',
  'namespace',
  'timeout',
  'stripe_unit',
  'stripe_count',
  'object_size',
  'striped',
] as const;
type Parameter = (typeof PARAMETERS)[number];

const LAYOUT: readonly Parameter[] = ['stripe_unit', 'stripe_count', 'object_size'];

/** osd_max_object_name_len: what an OSD takes unless it is told otherwise. */
const OBJECT_NAME_BYTES_MAX = 2048;
/** osd_max_object_namespace_len. */
const NAMESPACE_BYTES_MAX = 256;
/** Of a pool's name Ceph asks nothing; its tools stop at a slash. */
const POOL_BYTES_MAX = 1024;
/** PATH_MAX of Linux. */
const PATH_BYTES_MAX = 4096;
const TEXT_BYTES_MAX = 4096;
/** Never infinite: an hour. */
const TIMEOUT_SECONDS_MAX = 3600;

/** What a `rados://` URL says. */
export interface RadosUrl {
  readonly cluster: ClusterOptions;
  readonly pool: string;
  /** '': the default one. */
  readonly namespace: string;
  /** '': the pool itself, which can be probed. */
  readonly name: string;
  /** A file over several objects, or one object; null: what there is, and a striped file where there is none. */
  readonly striped: boolean | null;
  /** Of a new striped file. */
  readonly striping: Striping;
}

/**
 * The pool stands where a URL has its host, and may be percent-encoded. The name is all that follows the slash behind
 * it, decoded, slashes included: names of objects are flat, and `a//b`, `.` and `..` are names like any other. A `URL`
 * has resolved dots and made no other change; as text nothing is resolved.
 */
export function parseRadosUrl(given: URL | string): RadosUrl {
  const text = typeof given === 'string' ? given : given.href;
  const [, scheme, authority = '', path = '', query = '', hash] =
    /^([^:/?#]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/s.exec(text) ?? [];
  if (scheme?.toLowerCase() !== 'rados') throw errors.invalidValue('url', 'a rados:// URL', text);
  if (authority.includes('@'))
    throw errors.invalidValue('url', 'without user and password: keys are found by keyring and user', 'user@…');
  if (hash !== undefined) throw errors.invalidValue('url', "without a fragment: '#' in a name is written %23", hash);
  const parameters = parametersOf(query);
  const striped = parameters.striped();
  const name = nameOf(path, striped);
  const isLaidOut = LAYOUT.some((each) => parameters.text(each) !== undefined);
  if (striped === false && isLaidOut)
    throw errors.invalidValue('url.striped', 'yes where a layout is given: one object has none', 'no');
  return {
    cluster: parameters.cluster(),
    pool: poolOf(authority),
    namespace: bounded('url.namespace', parameters.text('namespace') ?? '', NAMESPACE_BYTES_MAX),
    name,
    striped: striped ?? (isLaidOut ? true : null),
    striping: parameters.striping(),
  };
}

function poolOf(authority: string): string {
  const pool = bounded('url.pool', decoded(authority, 'url.pool'), POOL_BYTES_MAX);
  if (pool === '' || /[/\0]/.test(pool)) throw errors.invalidValue('url.pool', 'a name without slashes', authority);
  return pool;
}

function nameOf(path: string, striped: boolean | null): string {
  // Which of the two is not known yet: the shorter bound holds, unless one object was asked for.
  const most = striped === false ? OBJECT_NAME_BYTES_MAX : NAME_BYTES_MAX;
  return bounded('url.name', decoded(path, 'url.name'), most);
}

function bounded(what: string, text: string, mostBytes: number): string {
  if (text.includes('\0')) throw errors.invalidValue(what, 'without a nul byte', text);
  if (Buffer.byteLength(text) > mostBytes) throw errors.invalidValue(what, `at most ${mostBytes} bytes`, text);
  return text;
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw errors.invalidValue(what, 'percent-encoded UTF-8', text);
  }
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw errors.invalidValue(`url.${name}`, `an integer from ${least} to ${most}`, text);
}

function parametersOf(query: string): Parameters {
  const values = new Map<string, string>();
  const known: ReadonlySet<string> = new Set(PARAMETERS);
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.has(name)) throw errors.invalidValue('url', `given parameters among ${PARAMETERS.join(', ')}`, name);
    if (values.has(name)) throw errors.invalidValue(`url.${name}`, 'given once', value);
    values.set(name, bounded(`url.${name}`, value, TEXT_BYTES_MAX));
  }
  return new Parameters(values);
}

class Parameters {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  text(name: Parameter): string | undefined {
    return this.#values.get(name);
  }

  #filled(name: Parameter): string | undefined {
    const text = this.text(name);
    if (text === '') throw errors.invalidValue(`url.${name}`, 'not empty', text);
    return text;
  }

  cluster(): ClusterOptions {
    const timeout = this.text('timeout');
    return {
      conf: this.#path('conf'),
      keyring: this.#path('keyring'),
      user: this.#filled('user'),
      mon: this.#filled('mon'),
      timeoutMs: timeout === undefined ? undefined : integer('timeout', timeout, 1, TIMEOUT_SECONDS_MAX) * 1000,
    };
  }

  #path(name: Parameter): string | undefined {
    const path = this.#filled(name);
    return path === undefined ? undefined : bounded(`url.${name}`, path, PATH_BYTES_MAX);
  }

  /** `?striped` and `?striped=yes` are the same. */
  striped(): boolean | null {
    const text = this.text('striped');
    if (text === undefined) return null;
    if (text === '' || text === 'yes' || text === 'true' || text === '1') return true;
    if (text === 'no' || text === 'false' || text === '0') return false;
    throw errors.invalidValue('url.striped', "'yes' or 'no'", text);
  }

  /** An object is no smaller than its unit, nor a unit larger than its object, where one of the two is not given. */
  striping(): Striping {
    const unit = this.#size('stripe_unit');
    const object = this.#size('object_size');
    const { stripeUnitBytes, stripeCount, objectBytes } = DEFAULT_STRIPING;
    const isUnit = object !== undefined && object % STRIPE_UNIT_BYTES_MIN === 0;
    const striping = {
      stripeUnitBytes: unit ?? (isUnit ? Math.min(stripeUnitBytes, object) : stripeUnitBytes),
      stripeCount: this.#size('stripe_count') ?? stripeCount,
      objectBytes: object ?? Math.max(objectBytes, unit ?? objectBytes),
    };
    return checkStriping(striping, 'url.');
  }

  #size(name: Parameter): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : integer(name, text, 1, Number.MAX_SAFE_INTEGER);
  }
}
