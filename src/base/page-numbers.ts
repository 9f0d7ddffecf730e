// Gives each registered piece of memory a range of page numbers, and finds its owner from any number in it.
import { assert } from './assert.js';
import { errors } from './errors.js';

const CLASS_SHIFT = 26;
const WITHIN_CLASS = 2 ** CLASS_SHIFT - 1;
/** A range of 2^26 pages is 256 GiB of memory, and the only one of its class. */
const CLASSES = CLASS_SHIFT + 1;

/** Ranges of one size: 2^class numbers each. */
interface SizeClass<Owner> {
  readonly owners: (Owner | undefined)[];
  /** Slots that were used and are free again; those never used follow at owners.length. */
  readonly free: number[];
}

/**
 * A number says by itself which range it is in, so that finding the owner is two shifts and an array access, and taking
 * and freeing a range writes one slot, however many pages it has:
 *
 *      bit 30      26 25                     class          0
 *         | class    | slot                    | page in range |          a range has 2^class pages
 *
 * Numbers of a range that its owner has no page for are never given out. 256 GiB can be numbered in each class.
 */
export class PageNumbers<Owner> {
  readonly #classes: readonly SizeClass<Owner>[] = Array.from({ length: CLASSES }, () => ({ owners: [], free: [] }));

  /** Takes a range of at least `pages` numbers and returns the first; `ownerOf` any of them gives `owner`. */
  take(pages: number, owner: Owner): number {
    assert(Number.isSafeInteger(pages) && pages > 0, 'a range has pages');
    const exponent = pages > 2 ** CLASS_SHIFT ? CLASSES : 32 - Math.clz32(pages - 1);
    const sizeClass = this.#classes[exponent];
    const slot = sizeClass?.free.pop() ?? sizeClass?.owners.length ?? 0;
    if (sizeClass === undefined || slot * 2 ** exponent > WITHIN_CLASS)
      throw errors.make('ERR_DIORITE_BUDGET', 'More memory is pinned at once than pages can be numbered');
    sizeClass.owners[slot] = owner;
    return exponent * 2 ** CLASS_SHIFT + slot * 2 ** exponent;
  }

  /** Frees the range that starts at `first`. */
  free(first: number): void {
    const exponent = first >>> CLASS_SHIFT;
    const slot = (first & WITHIN_CLASS) >>> exponent;
    const sizeClass = this.#classes[exponent];
    assert(sizeClass?.owners[slot] !== undefined, 'a range is freed once');
    sizeClass.owners[slot] = undefined;
    sizeClass.free.push(slot);
  }

  ownerOf(page: number): Owner | undefined {
    const exponent = page >>> CLASS_SHIFT;
    return this.#classes[exponent]?.owners[(page & WITHIN_CLASS) >>> exponent];
  }
}
