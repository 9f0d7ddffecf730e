// Striping as Ceph has it: a range of a file as pieces of objects, and an object's bytes as pieces of the file. Pure.
import { assert } from '../base/assert.js';
import type { Layout, Piece, Unit } from '../plan/layout.js';

export interface Striping {
  readonly stripeUnitBytes: number;
  /** How many objects one stripe goes over. */
  readonly stripeCount: number;
  /** A multiple of `stripeUnitBytes`. */
  readonly objectBytes: number;
}

/**
 *      stripe_unit 1, stripe_count 3, object_size 2, bytes of the file by object:
 *
 *      object    0      1      2    |   3       4       5
 *                0, 3   1, 4   2, 5 |   6, 9    7, 10   8, 11       one set of objects is filled before the next
 */
export class Stripes {
  readonly #unitBytes: number;
  readonly #count: number;
  readonly #unitsPerObject: number;
  readonly #nameOf: (object: number) => string;

  constructor(striping: Striping, nameOf: (object: number) => string) {
    const { stripeUnitBytes, stripeCount, objectBytes } = striping;
    assert(stripeUnitBytes >= 1 && stripeCount >= 1, 'a stripe holds a byte');
    assert(objectBytes >= stripeUnitBytes && objectBytes % stripeUnitBytes === 0, 'an object holds whole stripe units');
    // Over one object, units follow each other: they lie where one as large as the object lies.
    this.#unitBytes = stripeCount === 1 ? objectBytes : stripeUnitBytes;
    this.#count = stripeCount;
    this.#unitsPerObject = objectBytes / this.#unitBytes;
    this.#nameOf = nameOf;
  }

  /** For a target's `layout`: the pieces of one object follow each other in it, as they do in the file's order. */
  readonly layout: Layout = (offset, length) => {
    const units = new Map<number, { name: string; offset: number; pieces: Piece[] }>();
    for (let at = offset; at < offset + length; ) {
      const block = Math.floor(at / this.#unitBytes);
      const inBlock = at % this.#unitBytes;
      const bytes = Math.min(this.#unitBytes - inBlock, offset + length - at);
      const stripe = Math.floor(block / this.#count);
      const object = Math.floor(stripe / this.#unitsPerObject) * this.#count + (block % this.#count);
      let unit = units.get(object);
      if (unit === undefined) {
        const inObject = (stripe % this.#unitsPerObject) * this.#unitBytes + inBlock;
        unit = { name: this.#nameOf(object), offset: inObject, pieces: [] };
        units.set(object, unit);
      }
      unit.pieces.push({ offset: at, bytes });
      at += bytes;
    }
    return [...units.values()] satisfies Unit[];
  };

  /** The other way: which bytes of the file lie at [offset, offset+length) of an object. */
  *piecesOf(object: number, offset: number, length: number): Generator<Piece> {
    const set = Math.floor(object / this.#count);
    for (let at = offset; at < offset + length; ) {
      const inBlock = at % this.#unitBytes;
      const bytes = Math.min(this.#unitBytes - inBlock, offset + length - at);
      const stripe = set * this.#unitsPerObject + Math.floor(at / this.#unitBytes);
      const block = stripe * this.#count + (object % this.#count);
      yield { offset: block * this.#unitBytes + inBlock, bytes };
      at += bytes;
    }
  }

  /** How many objects a file of `size` bytes may have: those from 0 up to this; it may have holes. */
  objectCount(size: number): number {
    const setBytes = this.#unitBytes * this.#unitsPerObject * this.#count;
    const sets = Math.floor(size / setBytes);
    // The last set's first stripe tells how many of its objects there are.
    return sets * this.#count + Math.min(this.#count, Math.ceil((size % setBytes) / this.#unitBytes));
  }

  /** How many bytes of an object are of a file of `size` bytes: what is beyond is none of the file's. */
  bytesOf(object: number, size: number): number {
    const objectBytes = this.#unitBytes * this.#unitsPerObject;
    const before = Math.floor(object / this.#count) * objectBytes * this.#count;
    const inSet = Math.min(Math.max(0, size - before), objectBytes * this.#count);
    const stripeBytes = this.#unitBytes * this.#count;
    const inStripe = (inSet % stripeBytes) - (object % this.#count) * this.#unitBytes;
    return Math.floor(inSet / stripeBytes) * this.#unitBytes + Math.min(Math.max(0, inStripe), this.#unitBytes);
  }
}
