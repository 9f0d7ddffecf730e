// The portable page source: numbers, counted pins, and what it refuses.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEEDED } from '../../test/support/iterators.js';
import { PAGE_SIZE } from '../base/integers.js';
import { hostPageSource, setHostPages } from './host-pages.js';
import { PortablePages } from './portable-pages.js';

const ASSERTION = { code: 'ERR_DIORITE_ASSERTION' };

function take(source: PortablePages, buffer: ArrayBuffer, byteOffset: number, length: number, max = 64): Int32Array {
  const pages = new Int32Array(max);
  return pages.subarray(0, source.get(buffer, byteOffset, length, pages, 0, max));
}

describe('PortablePages', () => {
  it('takes the start of each buffer as a page, and numbers pages in a row', () => {
    const source = new PortablePages();
    const buffer = new ArrayBuffer(3 * PAGE_SIZE + 5);
    new Uint8Array(buffer)[PAGE_SIZE + 7] = 42;
    const pages = take(source, buffer, 10, 3 * PAGE_SIZE - 5);
    const [first = 0] = pages;
    assert.equal(source.offsetInPage(buffer), 0);
    assert.deepEqual([...pages], [first, first + 1, first + 2, first + 3]);
    assert.deepEqual([...source.viewOf(first + 1, 7, 1)], [42]);
    assert.equal(source.viewOf(first + 3, 0, 5).byteOffset, 3 * PAGE_SIZE);
    assert.throws(() => source.viewOf(first + 3, 0, 6), { code: 'ERR_DIORITE_DETACHED' });
    source.put(pages, 0, 4);
    assert.equal(source.held, 0);
  });

  it('gives no more than asked, and counts each time', () => {
    const source = new PortablePages();
    const buffer = new ArrayBuffer(8 * PAGE_SIZE);
    const two = take(source, buffer, PAGE_SIZE - 1, 3 * PAGE_SIZE, 2);
    const again = take(source, buffer, 0, 1);
    assert.equal(two.length, 2);
    assert.equal(source.held, 3);
    source.put(two, 0, 2);
    assert.equal(source.viewOf(again[0] ?? -1, 0, 1).length, 1);
    source.put(again, 0, 1);
    assert.throws(() => source.put(again, 0, 1), ASSERTION);
    assert.throws(() => source.viewOf(again[0] ?? -1, 0, 1), ASSERTION);
  });

  it('holds a whole buffer, beside single pages of it', () => {
    const source = new PortablePages();
    const buffer = new ArrayBuffer(4 * PAGE_SIZE);
    const first = source.hold(buffer);
    const [third = 0] = take(source, buffer, 2 * PAGE_SIZE, 1);
    assert.equal(third, first + 2);
    source.release(buffer);
    assert.equal(source.viewOf(third, 0, 1).byteOffset, 2 * PAGE_SIZE);
    source.put(Int32Array.of(third), 0, 1);
    assert.equal(source.held, 0);
    assert.throws(() => source.release(buffer), ASSERTION);
    assert.throws(() => source.viewOf(third, 0, 1), ASSERTION);
    structuredClone(buffer, { transfer: [buffer] });
    assert.throws(() => source.hold(buffer), { code: 'ERR_DIORITE_DETACHED' });
  });

  it('refuses memory that is gone, with nothing taken', () => {
    const source = new PortablePages();
    const buffer = new ArrayBuffer(PAGE_SIZE);
    structuredClone(buffer, { transfer: [buffer] });
    assert.throws(() => take(source, buffer, 0, PAGE_SIZE), { code: 'ERR_DIORITE_DETACHED' });
    assert.equal(source.held, 0);
  });

  it('never gives one number to two pages, whatever is taken and put back', () => {
    const buffers = Array.from({ length: 6 }, (_, index) => new ArrayBuffer((index + 1) * PAGE_SIZE));
    const aStep = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 }), fc.boolean());
    const property = fc.property(fc.array(aStep, { maxLength: 60 }), (steps) => {
      const source = new PortablePages();
      const holds: { pages: Int32Array; buffer: ArrayBuffer; page: number }[] = [];
      for (const [which, page, putting] of steps) {
        const buffer = buffers[which] ?? new ArrayBuffer(PAGE_SIZE);
        if (putting) {
          const [hold] = holds.splice(page % Math.max(1, holds.length), 1);
          if (hold !== undefined) source.put(hold.pages, 0, 1);
        } else if (page <= which) {
          holds.push({ pages: take(source, buffer, page * PAGE_SIZE, 1, 1), buffer, page });
        }
        assert.equal(source.held, holds.length);
        for (const hold of holds) {
          const view = source.viewOf(hold.pages[0] ?? -1, 0, PAGE_SIZE);
          assert.ok(view.buffer === hold.buffer && view.byteOffset === hold.page * PAGE_SIZE);
        }
      }
    });
    fc.assert(property, SEEDED);
  });
});

describe('the host’s page source', () => {
  it('is the portable one until it is set, and is set once', () => {
    const portable = hostPageSource();
    assert.ok(portable instanceof PortablePages);
    assert.equal(hostPageSource(), portable);
    const own = new PortablePages();
    setHostPages(own);
    setHostPages(own);
    assert.equal(hostPageSource(), own);
    assert.throws(() => setHostPages(new PortablePages()), ASSERTION);
  });
});
