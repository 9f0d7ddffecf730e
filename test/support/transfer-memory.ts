// Iterators of every kind over the same memory for real transfers, each of which begins in the middle of what it holds.
import { PAGE_SIZE } from '../../src/base/integers.js';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory/region.js';
import type { MemoryKind } from './iterators.js';

/** Bytes that lie before the iterator's position, and behind what a transfer is asked for: nobody may touch them. */
const AROUND = 0xa5;
const LEAD_FROM = 100;
const LEAD_BYTES: number = PAGE_SIZE - LEAD_FROM;
const TAIL_BYTES = 300;
const FIRST_INDEX = 7;

export interface TransferMemory {
  readonly iter: IovIter;
  readonly queue: FolioQueue | null;
  /** What lies around is as it was. */
  isAroundUntouched(): boolean;
}

/** Whether memory can be had as this kind: a ubuf is one view, and a cache has whole pages, but for its last. */
export function canBe(kind: MemoryKind, views: readonly Uint8Array[]): boolean {
  if (kind === 'ubuf') return views.length === 1 && (views[0]?.byteOffset ?? 0) >= LEAD_BYTES;
  const pages = hostPages();
  const isKnown = views.every((view) => pages.offsetInPage(view.buffer) >= 0);
  if (kind === 'bvec') return isKnown;
  if (kind !== 'xarray') return true;
  return (
    isKnown &&
    views.every((view, index) => {
      const isLast = index === views.length - 1;
      return pageAndOffset(view)[1] === 0 && (isLast || view.length % PAGE_SIZE === 0);
    })
  );
}

/** Where a view begins: the page in its buffer, and the byte in that. */
function pageAndOffset(view: Uint8Array): [page: number, offset: number] {
  const at = hostPages().offsetInPage(view.buffer) + view.byteOffset;
  return [Math.floor(at / PAGE_SIZE), at % PAGE_SIZE];
}

/** With an empty segment before each view, something before the position, and something behind the last. */
export function memoryAs(kind: MemoryKind, views: readonly Uint8Array[]): TransferMemory {
  const around = new Region(2 * PAGE_SIZE).bytes;
  around.fill(AROUND);
  const lead = around.subarray(LEAD_FROM, PAGE_SIZE);
  const tail = around.subarray(PAGE_SIZE, PAGE_SIZE + TAIL_BYTES);
  const list = [lead, ...views.flatMap((view) => [lead.subarray(0, 0), view]), tail];
  const queue = kind === 'folioq' ? new FolioQueue() : null;
  const iter = queue === null ? makeIterator(kind, views, list, lead) : queueOf(queue, list);
  return { iter, queue, isAroundUntouched: () => around.every((byte) => byte === AROUND) };
}

function queueOf(queue: FolioQueue, list: readonly Uint8Array[]): IovIter {
  for (const view of list) queue.push(view);
  return IovIter.folioq(queue, { firstSlot: 0, offset: LEAD_BYTES });
}

function makeIterator(
  kind: MemoryKind,
  views: readonly Uint8Array[],
  list: readonly Uint8Array[],
  lead: Uint8Array,
): IovIter {
  let iter: IovIter;
  if (kind === 'ubuf') {
    const view = views[0] ?? lead;
    iter = IovIter.ubuf(new Uint8Array(view.buffer, view.byteOffset - LEAD_BYTES, LEAD_BYTES + view.length));
  } else if (kind === 'bvec' || kind === 'xarray') iter = held(list, () => ofPages(kind, [lead, ...views], list));
  else iter = kind === 'kvec' ? IovIter.kvec(list) : IovIter.iovec(list);
  iter.advance(LEAD_BYTES);
  return iter;
}

/** Pages have numbers while they are held; an iterator needs those only when it is made, or its pages are walked. */
function held(views: readonly Uint8Array[], make: () => IovIter): IovIter {
  const pages = hostPages();
  const buffers = [...new Set(views.map((view) => view.buffer))];
  for (const buffer of buffers) pages.hold(buffer);
  const iter = make();
  for (const buffer of buffers) pages.release(buffer);
  return iter;
}

function ofPages(kind: 'bvec' | 'xarray', whole: readonly Uint8Array[], list: readonly Uint8Array[]): IovIter {
  const pages = hostPages();
  const numberOf = (view: Uint8Array): number => {
    const first = pages.hold(view.buffer);
    pages.release(view.buffer);
    return first + pageAndOffset(view)[0];
  };
  if (kind === 'bvec') {
    const bvecs = list.map((view) => ({
      page: numberOf(view),
      offset: pageAndOffset(view)[1],
      length: view.length,
    }));
    return IovIter.bvec(bvecs, pages);
  }
  const numbers: number[] = [];
  let bytes = 0;
  for (const view of whole) {
    for (let at = 0; at < view.length; at += PAGE_SIZE) numbers.push(numberOf(view) + at / PAGE_SIZE);
    bytes += view.length;
  }
  const cache = { pageAt: (index: number): number => numbers[index - FIRST_INDEX] ?? -1 };
  return IovIter.xarray(cache, pages, FIRST_INDEX * PAGE_SIZE + LEAD_FROM, bytes);
}
