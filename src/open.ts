// open(): the table of URL schemes, a line per target, and the options that all of them take.
import { fileURLToPath } from 'node:url';
import { errors } from './base/errors.js';
import type { File } from './handle/file.js';
import type { OpenOptions } from './handle/open-options.js';

export type { OpenOptions } from './handle/open-options.js';

type Flags = string | number | undefined;
/** `given`: what `url` was made of. The URL standard resolves dots by text, and some schemes know better. */
type Opener = (url: URL, flags: Flags, options: OpenOptions, given: string | URL) => Promise<File>;

/** A target is a folder under targets/ and a line here; it is loaded when it is first used. */
const SCHEMES: Readonly<Record<string, Opener>> = {
  'file:': (url, flags, options) => openPath(fileURLToPath(url), flags, options),
  'nfs:': async (_url, flags, options, given) => (await import('./handle/open-nfs.js')).openNfs(given, flags, options),
  'rados:': async (_url, flags, options, given) =>
    (await import('./handle/open-rados.js')).openRados(given, flags, options),
};

const IO_OPTIONS = new Set(['direct', 'prefer-direct', 'drop-behind', 'buffered']);
const ENGINES = new Set(['auto', 'uring', 'threads']);
const DEPTH_MAX = 4096;
/** Half of what staging may hold: a request of misaligned memory is copied as a whole. */
const REQUEST_BYTES_MAX = 2 ** 25;

/**
 * Opens a file or block device for direct I/O. `flags` are those of fs.open, default 'r'; the third argument is a mode,
 * as Node has it, or options. Errors are Node's (ENOENT, EACCES …), with ERR_DIORITE_NOT_DIRECT where `io: 'direct'`
 * cannot be had. open(2).
 */
export async function open(
  path: string | Buffer | URL,
  flags?: string | number,
  modeOrOptions?: number | string | OpenOptions,
): Promise<File> {
  const options = toOptions(modeOrOptions);
  const url = toUrl(path);
  if (url === null) return openPath(path as string | Buffer, flags, options);
  const opener = SCHEMES[url.protocol];
  if (opener === undefined) {
    throw errors.invalidValue(
      'path',
      `a path or a URL with one of the schemes ${Object.keys(SCHEMES).join(', ')}`,
      url.href,
    );
  }
  return opener(url, flags, options, typeof path === 'string' ? path : url);
}

/** A string is a path, as in Node, unless it starts like a URL: `scheme://`. */
export function toUrl(path: string | Buffer | URL): URL | null {
  if (path instanceof URL) return path;
  if (typeof path === 'string') return /^[a-z][a-z0-9+.-]+:\/\//i.test(path) ? new URL(path) : null;
  if (!Buffer.isBuffer(path)) throw errors.invalidType('path', 'a string, a Buffer or a URL', path);
  return null;
}

async function openPath(
  path: string | Buffer,
  flags: string | number | undefined,
  options: OpenOptions,
): Promise<File> {
  return (await import('./handle/open-path.js')).openPath(path, flags, options);
}

export function toOptions(given: number | string | OpenOptions | undefined): OpenOptions {
  if (given === undefined || given === null) return {};
  if (typeof given === 'number' || typeof given === 'string') return { mode: given };
  if (typeof given !== 'object' || Array.isArray(given))
    throw errors.invalidType('options', 'a mode or an object', given);
  for (const [name, value] of Object.entries(given)) {
    const check = CHECKS[name];
    if (check === undefined)
      throw errors.invalidValue(`options.${name}`, `one of ${Object.keys(CHECKS).join(', ')}`, name);
    if (value !== undefined) check(value, `options.${name}`);
  }
  return given;
}

const CHECKS: Readonly<Record<string, (value: unknown, name: string) => void>> = {
  mode: () => {}, // Node's own fs.open checks it.
  io: (value, name) => oneOf(value, name, IO_OPTIONS),
  engine: (value, name) => oneOf(value, name, ENGINES),
  depth: (value, name) => within(value, name, 1, DEPTH_MAX),
  bytesInFlight: (value, name) => within(value, name, 4096, Number.MAX_SAFE_INTEGER),
  requestBytes: (value, name) => {
    within(value, name, 4096, REQUEST_BYTES_MAX);
    if (!Number.isInteger(Math.log2(Number(value)))) throw errors.outOfRange(name, 'a power of two', value);
  },
};

function oneOf(value: unknown, name: string, allowed: ReadonlySet<string>): void {
  if (typeof value !== 'string' || !allowed.has(value))
    throw errors.invalidValue(name, `one of ${[...allowed].join(', ')}`, value);
}

function within(value: unknown, name: string, least: number, most: number): void {
  if (typeof value !== 'number') throw errors.invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most)
    throw errors.outOfRange(name, `an integer >= ${least} and <= ${most}`, value);
}
