// Options of readMany and writeMany, checked.
import { errors } from '../../base/errors.js';
import { PAGE_SIZE, toOffset } from '../../base/integers.js';
import type { Direction } from '../../plan/limits.js';

export interface ManyOptions {
  /** Aborting sends nothing more; what is in flight is awaited and answered, and the iteration then rejects. */
  readonly signal?: AbortSignal | undefined;
  /** The most merged requests in flight. Default: the file's. */
  readonly depth?: number | undefined;
  /** The most bytes in flight. One request may always go. */
  readonly bytesInFlight?: number | undefined;
  /** Entries that were taken from the source and whose answers nobody has taken yet, at most. Default 4,096. */
  readonly windowEntries?: number | undefined;
  /** Their bytes, at most. One entry may always be taken. Default 64 MiB. */
  readonly windowBytes?: number | undefined;
}

export interface ReadManyOptions extends ManyOptions {
  /** Entries so near to each other are read as one, and what lies between is dropped. Default: a page, 4,096. */
  readonly gapBytes?: number | undefined;
}

export interface WriteManyOptions extends ManyOptions {
  /** Each entry is durable when it is answered. */
  readonly dsync?: boolean | undefined;
  /** As a write's: `false` lets a network target answer before the bytes are durable. */
  readonly stable?: boolean | undefined;
}

/** Both kinds, with what is the default. */
export interface Settings {
  readonly signal: AbortSignal | undefined;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  readonly windowEntries: number;
  readonly windowBytes: number;
  readonly gapBytes: number;
  readonly dsync: boolean;
  readonly stable: boolean | undefined;
}

const OWN = { read: ['gapBytes'], write: ['dsync', 'stable'] } as const;

const WINDOW_ENTRIES = 4096;
const WINDOW_BYTES = 64 * 1024 * 1024;
const COMMON = ['signal', 'depth', 'bytesInFlight', 'windowEntries', 'windowBytes'] as const;
/** More than this is never cheaper than another request. */
const GAP_BYTES_MAX = 16 * 1024 * 1024;

export function toSettings(options: ReadManyOptions & WriteManyOptions, direction: Direction): Settings {
  if (typeof options !== 'object' || options === null) throw errors.invalidType('options', 'an object', options);
  const names = new Set<string>([...COMMON, ...OWN[direction]]);
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw errors.invalidValue(`options.${name}`, 'a known option', name);
  }
  const { signal, dsync, stable } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw errors.invalidType('options.signal', 'an AbortSignal', signal);
  const gapBytes = options.gapBytes === undefined ? PAGE_SIZE : toOffset(options.gapBytes, 'options.gapBytes');
  if (gapBytes > GAP_BYTES_MAX) throw errors.outOfRange('options.gapBytes', `<= ${GAP_BYTES_MAX}`, gapBytes);
  return {
    signal,
    depth: positive(options.depth, 'depth'),
    bytesInFlight: positive(options.bytesInFlight, 'bytesInFlight'),
    windowEntries: positive(options.windowEntries, 'windowEntries') ?? WINDOW_ENTRIES,
    windowBytes: positive(options.windowBytes, 'windowBytes') ?? WINDOW_BYTES,
    gapBytes: direction === 'read' ? gapBytes : 0,
    dsync: dsync === true,
    stable,
  };
}

function positive(value: number | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (toOffset(value, `options.${name}`) === 0) throw errors.outOfRange(`options.${name}`, '>= 1', value);
  return value;
}
