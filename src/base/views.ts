// Views of memory, checked and listed with what they say of themselves: the fast ways, for 100,000 of them.
import { errors } from './errors.js';

export const VIEW = 'an ArrayBufferView (a typed array, Buffer or DataView)';
const EMPTY = new Uint8Array(0);

const ofViews = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array);
// As every host has them.
const byteOffset = ofViews.byteOffset.get as () => number;
const buffer = ofViews.buffer.get as () => ArrayBufferLike;
const set = ofViews.set.value as Uint8Array['set'];

// As `view.byteOffset` and so on, in half the time: where those are named, V8 11 looks them up each time, even in
// optimized code, and that takes longer than what they do.

export function startOf(view: Uint8Array): number {
  return byteOffset.call(view);
}

export function bufferOf(view: Uint8Array): ArrayBufferLike {
  return buffer.call(view);
}

export function setBytes(target: Uint8Array, source: Uint8Array, at: number): void {
  set.call(target, source, at);
}

/** The view as bytes. One whose buffer is gone has length 0, too: it is refused, an empty one is not. */
export function bytesOf(view: unknown, name: string): Uint8Array {
  return view instanceof Uint8Array && view.length > 0 ? view : checkedBytesOf(view, () => name, 0);
}

function checkedBytesOf(view: unknown, nameOf: (index: number) => string, index: number): Uint8Array {
  if (!ArrayBuffer.isView(view)) throw errors.invalidType(nameOf(index), VIEW, view);
  try {
    // A DataView's length, and this, throw a TypeError when the buffer is detached or too short for the view by now.
    if (view.byteLength === 0 && !(view instanceof DataView)) Uint8Array.prototype.keys.call(view);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } catch (error) {
    if (error instanceof TypeError) throw memoryGone(`"${nameOf(index)}"`, error);
    throw error;
  }
}

export function memoryGone(what: string, cause?: unknown): Error {
  return errors.make('ERR_DIORITE_DETACHED', `The memory of ${what} was transferred, detached or shrunk`, { cause });
}

// ---- lists -------------------------------------------------------------------------------------------------------

/** Small integers lie close together and cost the collector nothing; others, and those of a list that grows, do not fit. */
export type Numbers = Int32Array | number[];

const INT32_MAX = 2 ** 31 - 1;

function fits(n: number): boolean {
  return n <= INT32_MAX;
}

export function numbersOf(list: readonly number[]): Numbers {
  return list.every(fits) ? new Int32Array(list) : [...list];
}

/** As `numbersOf([n])`: most iterators are made for a read or write of one buffer. */
export function oneNumber(n: number): Numbers {
  if (!fits(n)) return [n];
  const list = new Int32Array(1);
  list[0] = n;
  return list;
}

/** So many are kept. */
const BLANK_PART = 2 ** 12;

/**
 * Lists of one value, to be written over. They are copied from a list that was grown, so that V8 knows of no holes in
 * them, which it does of those that are made with a length; and to push as many values takes three times as long.
 */
export class Blank<T> {
  readonly #part: T[];

  constructor(value: T) {
    const part = [value];
    while (part.length < BLANK_PART) part.push(...part);
    this.#part = part;
  }

  of(count: number): T[] {
    const part = this.#part;
    if (count <= BLANK_PART) return part.slice(0, count);
    const more = new Array<T[]>(Math.floor(count / BLANK_PART) - 1).fill(part);
    return part.concat(...more, part.slice(0, count % BLANK_PART));
  }
}

const blankViews: Blank<Uint8Array> = new Blank(EMPTY);
const blankBuffers: Blank<ArrayBufferLike> = new Blank(EMPTY.buffer);

/** The views as bytes, how long each is, and where in its buffer it begins. */
export interface ViewLists {
  readonly views: Uint8Array[];
  readonly lengths: Numbers;
  readonly starts: Numbers;
}

export function listViews(memory: readonly unknown[], nameOf: (index: number) => string): ViewLists {
  const views = blankViews.of(memory.length);
  const lengths = new Int32Array(views.length);
  const starts = new Int32Array(views.length);
  if (takeViews(memory, nameOf, views, lengths, starts)) return { views, lengths, starts };
  return { views, lengths: numbersOf(views.map(({ length }) => length)), starts: numbersOf(views.map(startOf)) };
}

// Each a function of its own, with nothing behind its loop: one that runs once for a long list is compiled within it, and
// V8 11 throws that away again and again when it comes to code that has not run yet.

/** By index up to the length that it had: a hole in the array is refused like all else that is no view. False: some do not fit. */
function takeViews(
  memory: readonly unknown[],
  nameOf: (index: number) => string,
  views: Uint8Array[],
  lengths: Int32Array,
  starts: Int32Array,
): boolean {
  let fit = true;
  for (let i = 0, count = views.length; i < count; i++) {
    const given = memory[i];
    let view = given instanceof Uint8Array ? given : EMPTY;
    // Asked once: optimized code of V8 11 may tell a detached view's old length here, and 0 there.
    let { length } = view;
    if (length === 0) {
      view = checkedBytesOf(given, nameOf, i);
      length = view.length;
    }
    const start = startOf(view);
    views[i] = view;
    lengths[i] = length;
    starts[i] = start;
    if (!fits(length) || !fits(start)) fit = false;
  }
  return fit;
}

export function buffersOf(views: readonly Uint8Array[]): ArrayBufferLike[] {
  const buffers = blankBuffers.of(views.length);
  for (let i = 0; i < views.length; i++) buffers[i] = bufferOf(views[i] ?? EMPTY);
  return buffers;
}

export function sumOf(numbers: Numbers): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i] ?? 0;
  return sum;
}
