// The options of streams, as Node's FileHandle takes them, checked.
import type { Abortable } from 'node:events';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';

export interface WriteStreamOptions extends Abortable {
  /** Where in the file; undefined: at the handle's own position, which then moves. */
  readonly start?: number | bigint | undefined;
  /** How many bytes wait to be taken before `write` returns false. Default 64 KiB; what was taken has its own budget. */
  readonly highWaterMark?: number | undefined;
  /** False: the file stays open, whatever becomes of the stream. Default true. */
  readonly autoClose?: boolean | undefined;
  readonly emitClose?: boolean | undefined;
  /** Durable, as after `sync`, before 'finish'. Network targets are so without being asked. */
  readonly flush?: boolean | undefined;
  /** Of strings. Default 'utf8'. */
  readonly encoding?: BufferEncoding | null | undefined;
}

export interface ReadStreamOptions extends Abortable {
  /** Where in the file; undefined: at the handle's own position, which then moves. */
  readonly start?: number | bigint | undefined;
  /** The last byte that is read, itself included, as in Node. */
  readonly end?: number | bigint | undefined;
  /** The most bytes of a chunk. Default: one request, 1 MiB. */
  readonly highWaterMark?: number | undefined;
  readonly autoClose?: boolean | undefined;
  readonly emitClose?: boolean | undefined;
  /** Chunks are strings then. */
  readonly encoding?: BufferEncoding | null | undefined;
}

export interface ReadableWebStreamOptions extends Abortable {
  /** Always 'bytes': default readers and BYOB readers both. */
  readonly type?: 'bytes' | undefined;
  readonly start?: number | bigint | undefined;
  readonly end?: number | bigint | undefined;
  /** True: the file is closed when the stream has ended, failed or been cancelled. Default false, as in Node. */
  readonly autoClose?: boolean | undefined;
}

export interface WritableWebStreamOptions extends Abortable {
  readonly start?: number | bigint | undefined;
  /** How many bytes wait before `writer.ready` does. Default: one request, 1 MiB. */
  readonly highWaterMark?: number | undefined;
  /** True: the file is closed when the stream is closed, has failed or been aborted. Default false. */
  readonly autoClose?: boolean | undefined;
  readonly flush?: boolean | undefined;
}

type Given = Readonly<Record<string, unknown>>;

const COMMON = ['start', 'autoClose', 'signal'];
const WRITE_STREAM = new Set([...COMMON, 'highWaterMark', 'emitClose', 'flush', 'encoding']);
const READ_STREAM = new Set([...COMMON, 'end', 'highWaterMark', 'emitClose', 'encoding']);
const READABLE_WEB = new Set([...COMMON, 'end', 'type']);
const WRITABLE_WEB = new Set([...COMMON, 'highWaterMark', 'flush']);

/** What all streams have in common, checked. */
export interface StreamSettings {
  /** Null: the handle's own position. */
  readonly start: number | null;
  /** Where a reader stops; Infinity: at the end of the data. */
  readonly end: number;
  readonly highWaterMark: number | undefined;
  readonly autoClose: boolean;
  readonly emitClose: boolean;
  readonly flush: boolean;
  readonly encoding: BufferEncoding | undefined;
  readonly signal: AbortSignal | undefined;
}

export function writeStreamSettings(options: WriteStreamOptions | BufferEncoding = {}): StreamSettings {
  return settings(typeof options === 'string' ? { encoding: options } : options, WRITE_STREAM, true);
}

export function readStreamSettings(options: ReadStreamOptions | BufferEncoding = {}): StreamSettings {
  return settings(typeof options === 'string' ? { encoding: options } : options, READ_STREAM, true);
}

export function readableWebSettings(options: ReadableWebStreamOptions = {}): StreamSettings {
  const checked = settings(options, READABLE_WEB, false);
  if (options.type !== undefined && options.type !== 'bytes')
    throw errors.invalidValue('options.type', "'bytes', or left out", options.type);
  return checked;
}

export function writableWebSettings(options: WritableWebStreamOptions = {}): StreamSettings {
  return settings(options, WRITABLE_WEB, false);
}

function settings(options: unknown, names: ReadonlySet<string>, closes: boolean): StreamSettings {
  if (typeof options !== 'object' || options === null) throw errors.invalidType('options', 'an object', options);
  const given = options as Given; // each is checked below
  for (const name of Object.keys(given)) {
    if (names.has(name)) continue;
    if (/objectMode$/i.test(name) && given[name] === true)
      throw errors.invalidValue(`options.${name}`, 'left out: a file holds bytes, not objects', true);
    if (given[name] !== undefined && !/objectMode$/i.test(name))
      throw errors.invalidValue(`options.${name}`, `one of ${[...names].join(', ')}`, name);
  }
  return {
    ...range(given),
    highWaterMark: given.highWaterMark === undefined ? undefined : toOffset(given.highWaterMark, 'highWaterMark'),
    autoClose: flag(given, 'autoClose', closes),
    emitClose: flag(given, 'emitClose', true),
    flush: flag(given, 'flush', false),
    encoding: toEncoding(given.encoding),
    signal: toSignal(given.signal),
  };
}

function range({ start, end }: Given): { start: number | null; end: number } {
  const from = start === undefined || start === null ? null : toOffset(start, 'start');
  if (end === undefined || end === null || end === Number.POSITIVE_INFINITY)
    return { start: from, end: Number.POSITIVE_INFINITY };
  const last = toOffset(end, 'end');
  if (from !== null && from > last) throw errors.outOfRange('start', `<= "end" (here: ${last})`, from);
  return { start: from, end: last + 1 };
}

function flag(given: Given, name: string, otherwise: boolean): boolean {
  const value = given[name];
  if (value === undefined || value === null) return otherwise;
  if (typeof value !== 'boolean') throw errors.invalidType(`options.${name}`, 'a boolean', value);
  return value;
}

export function toEncoding(encoding: unknown): BufferEncoding | undefined {
  if (encoding === undefined || encoding === null || encoding === 'buffer') return undefined;
  if (typeof encoding !== 'string' || !Buffer.isEncoding(encoding))
    throw errors.invalidValue('encoding', 'a known encoding', encoding);
  return encoding;
}

export function toSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (!(signal instanceof AbortSignal)) throw errors.invalidType('options.signal', 'an AbortSignal', signal);
  return signal;
}
