// The arguments of NfsClient, as node:fs/promises takes them, checked before anything is asked of the server.
import { errors } from '../base/errors.js';
import { decodeText } from '../targets/nfs/xdr/text.js';

/** uid_t and gid_t. −1 leaves what is there: chown(2). */
const ID_MAX = 0xffffffff;
const NANOS_PER_MS = 1_000_000n;
/** What Node keeps of seconds that are a number. */
const MICROS_PER_SECOND = 1e6;
const NANOS_PER_MICRO = 1000n;

/** Refuses an option that is not known, rather than ignoring what it was meant to do. */
export function checkOptions(options: unknown, known: readonly string[]): void {
  if (options === undefined || options === null) return;
  if (typeof options !== 'object') throw errors.invalidType('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!known.includes(name)) throw errors.invalidValue(`options.${name}`, `one of ${known.join(', ')}`, name);
    if (typeof value !== 'boolean') throw errors.invalidType(`options.${name}`, 'a boolean', value);
  }
}

/** A name or several, as text or as the bytes that the server has. */
export type NfsPath = string | Uint8Array;

export function toPath(path: unknown, argument: string): string {
  const text = path instanceof Uint8Array ? decodeText(path) : path;
  if (typeof text !== 'string') throw errors.invalidType(argument, 'a string or a Buffer', path);
  if (text.includes('\0')) throw errors.invalidValue(argument, 'a path without null bytes', text);
  return text;
}

/** Node's encoding of names: text, or their bytes. */
export function toEncoding(given: unknown): 'utf8' | 'buffer' {
  if (given === undefined || given === null || given === 'utf8' || given === 'utf-8') return 'utf8';
  if (given === 'buffer') return given;
  throw errors.invalidValue('encoding', "'utf8' or 'buffer'", given);
}

export function toId(value: unknown, name: string): number | undefined {
  if (typeof value !== 'number') throw errors.invalidType(name, 'a number', value);
  if (!Number.isInteger(value) || value < -1 || value > ID_MAX)
    throw errors.outOfRange(name, `an integer >= -1 && <= ${ID_MAX}`, value);
  return value === -1 ? undefined : value;
}

/** A Date, seconds as a number or as digits, or nanoseconds as a bigint. */
export function toNanos(value: unknown, name: string): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return BigInt(value.getTime()) * NANOS_PER_MS;
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof seconds === 'number' && Number.isFinite(seconds))
    return BigInt(Math.round(seconds * MICROS_PER_SECOND)) * NANOS_PER_MICRO;
  throw errors.invalidType(name, 'a Date, a number of seconds, or a bigint of nanoseconds', value);
}
