// The space of a file: reserved, given back, made to read as zeros, and where there is any.
import { DioriteError, errors } from '../base/errors.js';
import { alignDown, alignUp, toOffset } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';
import { Region } from '../memory/region.js';
import type { FileLike } from '../transfer/file-like.js';
import { startTransfer } from '../transfer/transfer.js';
import { mustKnowHoles, unsupported } from './abilities.js';

/** A stretch of a file: `data` may be there, a `hole` reads as zeros and takes no space. */
export interface FileSegment {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'hole';
}

/** `punched`: the space was given back. `zeroed`: the kernel or the device did it. `written`: zeros were sent. */
export type ZeroWay = 'punched' | 'zeroed' | 'written';

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** One page-aligned piece of zeros is written again and again; so many times by one transfer. */
const ZEROS_BYTES = 1024 * 1024;
const ZEROS_AT_ONCE = 64;

export function toRange(offset: unknown, length: unknown): Range {
  const range = { offset: toOffset(offset, 'offset'), length: toOffset(length, 'length') };
  const most = Number.MAX_SAFE_INTEGER - range.offset;
  if (range.length > most) throw errors.outOfRange('length', `>= 0 && <= ${most}`, length);
  return range;
}

export async function allocate(target: FileLike, { offset, length }: Range, keepSize: boolean): Promise<void> {
  if (target.allocate === undefined) throw unsupported(target, 'space cannot be reserved');
  await target.allocate(offset, length, keepSize);
}

export async function punch(target: FileLike, { offset, length }: Range): Promise<void> {
  await mustKnowHoles(target, 'punch').punch(offset, length);
}

/** `size`: where the file ends. Nothing is changed behind it: what is not there reads as zeros when it comes to be. */
export async function zero(target: FileLike, range: Range, size: number, appends: boolean): Promise<ZeroWay> {
  const { offset } = range;
  const length = Math.max(0, Math.min(range.length, size - offset));
  const { holes, facts } = target;
  if (holes !== undefined && facts.kind === 'file') {
    if (await can(holes.punch(offset, length))) return 'punched';
    if (await can(holes.zeroRange?.(offset, length))) return 'zeroed';
  }
  if (holes !== undefined && facts.kind === 'block') {
    const block = facts.writeAlignment.value;
    const from = alignUp(offset, block);
    const to = alignDown(offset + length, block);
    if (to > from && (await can(holes.zeroRange?.(from, to - from)))) {
      await writeZeros(target, offset, from);
      await writeZeros(target, to, offset + length);
      return 'zeroed';
    }
  }
  if (appends || !target.seekable)
    throw unsupported(target, 'a range cannot be zeroed: the space cannot, and zeros would be written elsewhere');
  await writeZeros(target, offset, offset + length);
  return 'written';
}

/** False: it cannot be had here, and nothing happened. */
async function can(attempt: Promise<void> | undefined): Promise<boolean> {
  if (attempt === undefined) return false;
  try {
    await attempt;
    return true;
  } catch (error) {
    if (error instanceof DioriteError && error.code === 'ERR_DIORITE_UNSUPPORTED') return false;
    throw error;
  }
}

async function writeZeros(target: FileLike, from: number, to: number): Promise<void> {
  if (to <= from) return;
  const region = new Region(Math.min(ZEROS_BYTES, to - from));
  try {
    const views = new Array<Uint8Array>(ZEROS_AT_ONCE).fill(region.bytes);
    for (let at = from; at < to; ) {
      const zeros = IovIter.iovec(views);
      const bytes = Math.min(zeros.count, to - at);
      await startTransfer(target, zeros, at, bytes, 'write', {});
      at += bytes;
    }
  } finally {
    region[Symbol.dispose]();
  }
}

export interface Looking {
  readonly size: () => Promise<number>;
  /** Runs each look at the file, which may have been closed since the last one. */
  readonly step: <R>(work: () => Promise<R>) => Promise<R>;
}

/** Sorted, without gap or overlap. */
export async function* segments(
  target: FileLike,
  { offset, length }: Range,
  { size, step }: Looking,
): AsyncGenerator<FileSegment, void, undefined> {
  const holes = mustKnowHoles(target, 'segments');
  const end = Math.min(offset + length, await size());
  const map = holes.map(offset, Math.max(0, end - offset))[Symbol.asyncIterator]();
  let at = offset;
  for (;;) {
    const { value, done } = await step(() => map.next());
    if (done === true || value === undefined) break;
    if (value.offset > at) yield { offset: at, length: value.offset - at, kind: 'hole' };
    yield { ...value, kind: 'data' };
    at = value.offset + value.length;
  }
  if (at < end) yield { offset: at, length: end - at, kind: 'hole' };
}
