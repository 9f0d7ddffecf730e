// Entries of readMany and writeMany, checked, and what becomes of each: its answer.
import { DioriteError, type Extent, errors } from '../../base/errors.js';
import { toOffset } from '../../base/integers.js';
import { IovIter } from '../../iter/iov-iter.js';
import type { Memory } from '../arguments.js';

/** What to read or write, and where. May have more properties: the answer gives the entry back. */
export interface ManyEntry {
  readonly position: number | bigint;
  readonly memory: Memory;
}

/** An entry as it was when it was taken from its source. */
export interface Item<E> {
  readonly index: number;
  readonly entry: E;
  readonly position: number;
  readonly bytes: number;
  /** One view is no array: most entries are one, and each object less is felt where there are thousands. */
  readonly views: NodeJS.ArrayBufferView | readonly NodeJS.ArrayBufferView[];
  /** The caller's iterator, which moves by the bytes done. */
  readonly iter: IovIter | null;
}

export function toItem<E extends ManyEntry>(entry: E, index: number): Item<E> {
  if (typeof entry !== 'object' || entry === null) {
    throw errors.invalidType(`entries[${index}]`, 'an object { position, memory }', entry);
  }
  const { memory } = entry;
  const position = toOffset(entry.position, 'position');
  const iter = memory instanceof IovIter ? memory : null;
  const views = ArrayBuffer.isView(memory) ? memory : viewsOf(memory, index);
  const bytes = bytesOf(views);
  const most = Number.MAX_SAFE_INTEGER - bytes;
  if (position > most) throw errors.outOfRange('position', `>= 0 && <= ${most} for ${bytes} bytes`, position);
  return { index, entry, position, bytes, views, iter };
}

function bytesOf(views: Item<unknown>['views']): number {
  if (ArrayBuffer.isView(views)) return views.byteLength;
  let bytes = 0;
  for (const view of views) bytes += view.byteLength;
  return bytes;
}

function viewsOf(memory: unknown, index: number): readonly NodeJS.ArrayBufferView[] {
  if (memory instanceof IovIter) return runsOf(memory);
  if (isListOfViews(memory)) return [...memory];
  throw errors.invalidType(`entries[${index}].memory`, 'a view, an array of views or an IovIter', memory);
}

function isListOfViews(memory: unknown): memory is readonly NodeJS.ArrayBufferView[] {
  return Array.isArray(memory) && memory.every((view) => ArrayBuffer.isView(view));
}

function runsOf(iter: IovIter): NodeJS.ArrayBufferView[] {
  const views: NodeJS.ArrayBufferView[] = [];
  iter.dup().forEachRun(iter.count, (buffer, byteOffset, bytes) => {
    views.push(new Uint8Array(buffer, byteOffset, bytes));
  });
  return views;
}

/** What one entry came to. Every entry that was taken from the source is answered once. */
class Answer<E extends ManyEntry> {
  /** The entry's place in its source, from 0. */
  readonly index: number;
  readonly entry: E;
  readonly position: number;
  readonly memory: E['memory'];
  /** Null: all is well. A DioriteError of a transfer carries the ledger of this entry alone. */
  readonly error: Error | null;

  constructor(item: Item<E>, error: Error | null) {
    this.index = item.index;
    this.entry = item.entry;
    this.position = item.position;
    this.memory = item.entry.memory;
    this.error = error;
  }
}

/** The end of the data makes `bytesRead` shorter than the memory; nothing else does, without an error. */
export class ReadAnswer<E extends ManyEntry = ManyEntry> extends Answer<E> {
  readonly bytesRead: number;

  constructor(item: Item<E>, bytes: number, error: Error | null) {
    super(item, error);
    this.bytesRead = bytes;
  }
}

export class WriteAnswer<E extends ManyEntry = ManyEntry> extends Answer<E> {
  readonly bytesWritten: number;

  constructor(item: Item<E>, bytes: number, error: Error | null) {
    super(item, error);
    this.bytesWritten = bytes;
  }
}

/** What a ledger says of the range; outside of the ledger nothing was sent. */
function clipExtents(extents: readonly Extent[], from: number, to: number): Extent[] {
  const clipped: Extent[] = [];
  for (const { offset, length, state } of extents) {
    const start = Math.max(offset, from);
    const end = Math.min(offset + length, to);
    if (end > start) clipped.push({ offset: start, length: end - start, state });
  }
  return clipped;
}

/** The error of a merged transfer as one entry's own: with the entry's range and its part of the ledger. */
export function errorOf<E>(item: Item<E>, error: Error): Error {
  if (!(error instanceof DioriteError)) return error;
  const { position, bytes } = item;
  const extents = clipExtents(error.extents ?? [], position, position + bytes);
  const own =
    error.name === 'AbortError'
      ? errors.aborted(error.cause)
      : new DioriteError(error.message, { ...error, cause: error.cause ?? error });
  own.offset = position;
  own.length = bytes;
  own.extents = extents.length > 0 || bytes === 0 ? extents : [{ offset: position, length: bytes, state: 'failed' }];
  const [first] = own.extents;
  own.bytes = first?.state === 'done' ? first.length : 0;
  return own;
}

/** Whether a ledger says that all of it is done. */
export function isDone<E>({ position, bytes }: Item<E>, extents: readonly Extent[]): boolean {
  const [first] = clipExtents(extents, position, position + bytes);
  return first !== undefined && first.state === 'done' && first.length === bytes;
}
