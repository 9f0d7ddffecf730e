// The arguments of reads and writes, in all the forms that Node's FileHandle takes them.
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';

/** What may stand where Node has a buffer. */
export type Memory = NodeJS.ArrayBufferView | readonly NodeJS.ArrayBufferView[] | IovIter;

/** Options of one read or write. */
export interface MoveOptions {
  /** Where in the memory to begin, in bytes. Default 0. */
  readonly offset?: number | null | undefined;
  /** How many bytes. Default: the rest of the memory. */
  readonly length?: number | null | undefined;
  /** Where in the file; null, undefined or −1: the handle's own position, which then moves. */
  readonly position?: number | bigint | null | undefined;
  /** Aborting stops new requests; the promise rejects when those in flight were answered. */
  readonly signal?: AbortSignal | undefined;
  /** Writes: durable, as after `datasync`, when the promise resolves. */
  readonly dsync?: boolean | undefined;
  /**
   * Writes: network targets make a write durable before it resolves; `false`: it resolves at the server's answer, and
   * `sync` is then the promise. Local files are durable by `dsync` or `sync` only: `true` means `dsync` there.
   */
  readonly stable?: boolean | undefined;
  /**
   * Writes: all of it or nothing, though the power fails (RWF_ATOMIC). One request within the file's limits
   * (`file.facts.atomicWrite`): a power of two of bytes at a multiple of its length. Refused otherwise, never split.
   */
  readonly atomic?: boolean | undefined;
  /** Called with the bytes done so far. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** One read or write, checked. */
export interface Move {
  /** What the result gives back. */
  readonly memory: unknown;
  readonly iter: IovIter;
  readonly bytes: number;
  /** null: the handle's own. */
  readonly position: number | null;
  readonly options: MoveOptions;
}

const NO_OPTIONS: MoveOptions = {};
const OPTION_NAMES = new Set([
  'offset',
  'length',
  'position',
  'signal',
  'dsync',
  'stable',
  'atomic',
  'onProgress',
  'buffer',
]);

function isMemory(value: unknown): value is Memory {
  return ArrayBuffer.isView(value) || Array.isArray(value) || value instanceof IovIter;
}

function isOptions(value: unknown): value is MoveOptions {
  return typeof value === 'object' && value !== null;
}

/** What Node reads into where it is given nothing (lib/internal/fs/promises.js). */
const READ_BUFFER_BYTES = 16384;

/** read(memory, offset, length, position) | read(memory, options) | read({ buffer, … }) | read() */
export function readArguments(first: unknown, second: unknown, length: unknown, position: unknown): Move {
  if (isMemory(first)) return memoryArguments(first, second, length, position);
  if (first !== undefined && first !== null && !isOptions(first)) {
    throw errors.invalidType('buffer', 'a view, an array of views or an IovIter', first);
  }
  const { buffer = Buffer.alloc(READ_BUFFER_BYTES), ...options } = (first ?? {}) as MoveOptions & { buffer?: Memory };
  return memoryArguments(buffer, options, undefined, undefined);
}

/** write(memory, offset, length, position) | write(memory, options) | write(text, position, encoding) */
export function writeArguments(first: unknown, second: unknown, third: unknown, position: unknown): Move {
  if (typeof first === 'string') return textArguments(first, second, third);
  return memoryArguments(first, second, third, position);
}

/** readv(views, position, options), and writev */
export function vectorArguments(views: unknown, position: unknown, options: MoveOptions = NO_OPTIONS): Move {
  if (!Array.isArray(views)) throw errors.invalidType('buffers', 'an array of views', views);
  checkOptions(options);
  for (const name of ['offset', 'length', 'position'] as const) {
    if (options[name] !== undefined)
      throw errors.invalidValue(`options.${name}`, 'left out with readv and writev', options[name]);
  }
  const iter = IovIter.from(views);
  return { memory: views, iter, bytes: iter.count, position: toPosition(position, iter.count), options };
}

function textArguments(text: string, position: unknown, encoding: unknown): Move {
  const name = encoding ?? 'utf8';
  if (typeof name !== 'string' || !Buffer.isEncoding(name))
    throw errors.invalidValue('encoding', 'a known encoding', encoding);
  if (name === 'hex' && text.length % 2 !== 0) {
    throw errors.invalidValue('encoding', `one that fits data of length ${text.length}`, name);
  }
  const bytes = Buffer.from(text, name);
  return {
    memory: text,
    iter: IovIter.ubuf(bytes),
    bytes: bytes.byteLength,
    position: toPosition(position, bytes.byteLength),
    options: NO_OPTIONS,
  };
}

function memoryArguments(memory: unknown, second: unknown, length: unknown, position: unknown): Move {
  if (!isMemory(memory)) throw errors.invalidType('buffer', 'a view, an array of views or an IovIter', memory);
  if (isOptions(second)) {
    checkOptions(second);
    return range(memory, second.offset, second.length, second.position, second);
  }
  return range(memory, second, length, position, NO_OPTIONS);
}

/** Gives them back. */
export function checkOptions(options: unknown): MoveOptions {
  if (!isOptions(options)) throw errors.invalidType('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.has(name)) throw errors.invalidValue(`options.${name}`, 'a known option', name);
  }
  const { signal, onProgress } = options;
  for (const name of ['dsync', 'stable'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean')
      throw errors.invalidType(`options.${name}`, 'a boolean', value);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw errors.invalidType('options.signal', 'an AbortSignal', signal);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw errors.invalidType('options.onProgress', 'a function', onProgress);
  }
  return options;
}

function range(memory: Memory, offset: unknown, length: unknown, position: unknown, options: MoveOptions): Move {
  const iter = IovIter.from(memory);
  const skip = offset === undefined || offset === null ? 0 : toOffset(offset, 'offset');
  const most = iter.count - skip;
  if (most < 0) throw errors.outOfRange('offset', `>= 0 && <= ${iter.count}`, skip);
  const bytes = length === undefined || length === null ? most : toOffset(length, 'length');
  if (bytes > most) throw errors.outOfRange('length', `>= 0 && <= ${most}`, bytes);
  const at = toPosition(position, bytes);
  if (skip > 0) {
    if (iter === memory) throw errors.invalidValue('offset', '0 where an IovIter is given: advance it instead', skip);
    iter.advance(skip);
  }
  return { memory, iter, bytes, position: at, options };
}

/** null, undefined and −1 mean the handle's own position, as in Node; a bigint is taken for reads and writes alike. */
export function toPosition(position: unknown, bytes: number): number | null {
  if (position === undefined || position === null || position === -1 || position === -1n) return null;
  const at = toOffset(position, 'position');
  const most = Number.MAX_SAFE_INTEGER - bytes;
  if (at > most) throw errors.outOfRange('position', `>= 0 && <= ${most} for ${bytes} bytes`, position);
  return at;
}
