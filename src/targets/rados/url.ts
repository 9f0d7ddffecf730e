// rados://pool/name?option=…: taken apart and checked, before anything is asked of a cluster.
import { errors } from '../../base/errors.js';
import { boundedText, decodedText, UrlParameters } from '../net/url-parameters.js';
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
  const parameters = new UrlParameters(new URLSearchParams(query), PARAMETERS);
  const striped = parameters.flag('striped') ?? null;
  const name = nameOf(path, striped);
  const isLaidOut = LAYOUT.some((each) => parameters.text(each) !== undefined);
  if (striped === false && isLaidOut)
    throw errors.invalidValue('url.striped', 'yes where a layout is given: one object has none', 'no');
  return {
    cluster: clusterOf(parameters),
    pool: poolOf(authority),
    namespace: boundedText('url.namespace', parameters.text('namespace') ?? '', NAMESPACE_BYTES_MAX),
    name,
    striped: striped ?? (isLaidOut ? true : null),
    striping: stripingOf(parameters),
  };
}

function poolOf(authority: string): string {
  const pool = boundedText('url.pool', decodedText(authority, 'url.pool'), POOL_BYTES_MAX);
  if (pool === '' || /[/\0]/.test(pool)) throw errors.invalidValue('url.pool', 'a name without slashes', authority);
  return pool;
}

function nameOf(path: string, striped: boolean | null): string {
  // Which of the two is not known yet: the shorter bound holds, unless one object was asked for.
  const most = striped === false ? OBJECT_NAME_BYTES_MAX : NAME_BYTES_MAX;
  return boundedText('url.name', decodedText(path, 'url.name'), most);
}

type Parameters = UrlParameters<Parameter>;

function filledOf(parameters: Parameters, name: Parameter): string | undefined {
  const text = parameters.text(name);
  if (text === '') throw errors.invalidValue(`url.${name}`, 'not empty', text);
  return text;
}

function pathOf(parameters: Parameters, name: Parameter): string | undefined {
  const path = filledOf(parameters, name);
  return path === undefined ? undefined : boundedText(`url.${name}`, path, PATH_BYTES_MAX);
}

function clusterOf(parameters: Parameters): ClusterOptions {
  const timeoutSeconds = parameters.integer('timeout', 1, TIMEOUT_SECONDS_MAX);
  return {
    conf: pathOf(parameters, 'conf'),
    keyring: pathOf(parameters, 'keyring'),
    user: filledOf(parameters, 'user'),
    mon: filledOf(parameters, 'mon'),
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  };
}

/** An object is no smaller than its unit, nor a unit larger than its object, where one of the two is not given. */
function stripingOf(parameters: Parameters): Striping {
  const size = (name: Parameter): number | undefined => parameters.integer(name, 1, Number.MAX_SAFE_INTEGER);
  const unit = size('stripe_unit');
  const object = size('object_size');
  const { stripeUnitBytes, stripeCount, objectBytes } = DEFAULT_STRIPING;
  const isUnit = object !== undefined && object % STRIPE_UNIT_BYTES_MIN === 0;
  const striping = {
    stripeUnitBytes: unit ?? (isUnit ? Math.min(stripeUnitBytes, object) : stripeUnitBytes),
    stripeCount: size('stripe_count') ?? stripeCount,
    objectBytes: object ?? Math.max(objectBytes, unit ?? objectBytes),
  };
  return checkStriping(striping, 'url.');
}
