// nfs://host[:port]/export/path?option=…: taken apart and checked, before anything is asked of the network.
import { domainToASCII } from 'node:url';
import { errors } from '../../base/errors.js';
import { decodedText, integerOf, UrlParameters } from '../net/url-parameters.js';
import type { NfsSettings } from './settings.js';
import { decodeText, encodeText, isEscaped } from './xdr/text.js';

const VERSIONS: ReadonlySet<string> = new Set(['3', '4.1', '4.2']);
/** TCP ports: 1 … 2^16−1. */
const PORT_MAX = 0xffff;
/** uid_t and gid_t of AUTH_SYS are 32 bits (RFC 5531, appendix A). */
const ID_MAX = 0xffffffff;
/** RFC 5531, appendix A: `unsigned int gids<16>`. */
const GIDS_MAX = 16;
/** As many as Linux takes: nfs(5), nconnect. */
const CONNECTIONS_MAX = 16;
/** nfs(5): `timeo` is in tenths of a second, 600 by default over TCP. */
const TIMEO_DEFAULT = 600;
const TIMEO_MAX = 864_000;
const TIMEO_UNIT_MS = 100;
/** nfs(5): rsize and wsize are at least 1024. */
const IO_BYTES_MIN = 1024;
const IO_BYTES_DEFAULT = 2 ** 20;
/** What ganesha takes in one call; no server is known to take more. */
const IO_BYTES_MAX = 2 ** 26;
/** RFC 1035 §2.3.4. */
const HOST_BYTES_MAX = 255;
/** PATH_MAX of Linux. */
const PATH_BYTES_MAX = 4096;
/** The user that Linux and Windows servers squash to: where a platform has no user ids. */
const NOBODY = 65534;

const PARAMETERS = [
  'version',
  'mountport',
  'uid',
  'gid',
  'gids',
  'connections',
  'timeo',
  'hard',
  'soft',
  'rsize',
  'wsize',
] as const;
type Parameter = (typeof PARAMETERS)[number];

/**
 * `path` is decoded and begins with a slash; '/' where the URL names none. A URL that is given as text is refused when
 * it has components `.` or `..`: taken as text they may lead elsewhere than on the server, where one may be a symbolic
 * link. A `URL` has dropped them already, as the URL standard says. `rsize` and `wsize` bound one READ and one WRITE;
 * given both, the smaller bounds both. Without `uid` the ids are those of this process.
 */
export function parseNfsUrl(given: URL | string): { settings: NfsSettings; path: string } {
  const url = typeof given === 'string' ? fromText(given) : given;
  if (url.protocol !== 'nfs:') throw errors.invalidValue('url', 'an nfs:// URL', url.href);
  if (url.username !== '' || url.password !== '')
    throw errors.invalidValue('url', 'without user and password: NFS takes the ids uid, gid and gids', url.host);
  if (url.hash !== '') throw errors.invalidValue('url', "without a fragment: '#' in a name is written %23", url.hash);
  const parameters = new UrlParameters(url.searchParams, PARAMETERS);
  const settings: NfsSettings = {
    host: hostOf(url),
    port: url.port === '' ? null : integerOf('url.port', url.port, 1, PORT_MAX),
    mountPort: parameters.integer('mountport', 1, PORT_MAX) ?? null,
    version: versionOf(parameters),
    ...idsOf(parameters),
    connections: parameters.integer('connections', 1, CONNECTIONS_MAX) ?? 1,
    timeoutMs: (parameters.integer('timeo', 1, TIMEO_MAX) ?? TIMEO_DEFAULT) * TIMEO_UNIT_MS,
    hard: hardOf(parameters),
    ioBytesMax: ioBytesMaxOf(parameters),
  };
  return { settings, path: pathOf(url.pathname) };
}

function fromText(text: string): URL {
  if (!URL.canParse(text)) throw errors.invalidValue('url', 'a URL', text);
  const path = /^[^:]*:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? '';
  pathOf(path);
  return new URL(text);
}

function hostOf(url: URL): string {
  const { hostname } = url;
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  // The host of a scheme that the URL standard does not know is left as it is written: an international one is encoded.
  const given = decodedText(hostname, 'url.host');
  // domainToASCII ends at the first of these.
  const host = /[\s/\\?#@:]/.test(given) ? '' : domainToASCII(given);
  if (host === '' || host.length > HOST_BYTES_MAX) throw errors.invalidValue('url.host', 'a host', url.host);
  return host;
}

function pathOf(encoded: string): string {
  const names: string[] = [];
  for (const part of encoded.split('/')) {
    if (part === '') continue;
    names.push(nameOf(part));
  }
  const path = `/${names.join('/')}`;
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw errors.invalidValue('url.pathname', `a path of at most ${PATH_BYTES_MAX} bytes`, path);
  return path;
}

function nameOf(part: string): string {
  const name = decodedName(part);
  if (name.includes('/') || name.includes('\0'))
    throw errors.invalidValue('url.pathname', 'a path whose names have no encoded slash or nul byte', part);
  if (name === '.' || name === '..')
    throw errors.invalidValue('url.pathname', "a path without the components '.' and '..'", part);
  return name;
}

/** A name that is not UTF-8 is encoded byte by byte as well: `caf%E9`. */
function decodedName(part: string): string {
  if (/%(?![0-9a-f]{2})/i.test(part)) throw errors.invalidValue('url.pathname', 'percent-encoded', part);
  const parts = part.split(/((?:%[0-9a-f]{2})+)/i);
  return decodeText(
    Buffer.concat(
      parts.map((text, i) => (i % 2 === 0 ? Buffer.from(text) : Buffer.from(text.replaceAll('%', ''), 'hex'))),
    ),
  );
}

/** As it stands in a URL. */
export function encodedName(name: string): string {
  if (!isEscaped(name)) return encodeURIComponent(name);
  return encodeText(name).toString('hex').replace(/../g, '%$&');
}

type Parameters = UrlParameters<Parameter>;

function hardOf(parameters: Parameters): boolean {
  const hard = parameters.flag('hard');
  const soft = parameters.flag('soft');
  if (hard !== undefined && hard === soft) throw errors.invalidValue('url.soft', 'the opposite of hard', soft);
  return hard ?? soft === false;
}

function versionOf(parameters: Parameters): NfsSettings['version'] {
  const text = parameters.text('version');
  if (text === undefined) return null;
  if (!VERSIONS.has(text)) throw errors.invalidValue('url.version', `one of ${[...VERSIONS].join(', ')}`, text);
  return text as NonNullable<NfsSettings['version']>;
}

function idsOf(parameters: Parameters): Pick<NfsSettings, 'uid' | 'gid' | 'gids'> {
  const uid = parameters.integer('uid', 0, ID_MAX);
  const gid = parameters.integer('gid', 0, ID_MAX);
  return {
    uid: uid ?? process.getuid?.() ?? NOBODY,
    gid: gid ?? process.getgid?.() ?? NOBODY,
    // The groups of this process are not those of another user.
    gids: gidsOf(parameters) ?? (uid === undefined ? (process.getgroups?.() ?? []).slice(0, GIDS_MAX) : []),
  };
}

function gidsOf(parameters: Parameters): number[] | undefined {
  const text = parameters.text('gids');
  if (text === undefined) return undefined;
  const gids = text === '' ? [] : text.split(',');
  if (gids.length > GIDS_MAX) throw errors.invalidValue('url.gids', `at most ${GIDS_MAX} ids`, text);
  return gids.map((gid) => integerOf('url.gids', gid, 0, ID_MAX));
}

function ioBytesMaxOf(parameters: Parameters): number {
  const read = parameters.integer('rsize', IO_BYTES_MIN, IO_BYTES_MAX);
  const write = parameters.integer('wsize', IO_BYTES_MIN, IO_BYTES_MAX);
  return Math.min(read ?? write ?? IO_BYTES_DEFAULT, write ?? IO_BYTES_MAX);
}
