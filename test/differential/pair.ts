// Two files with the same bytes: one is the kernel's, one is ours, and every call on one is made on the other.
import assert from 'node:assert/strict';
import { constants, readFileSync, writeFileSync } from 'node:fs';
import { alignUp, PAGE_SIZE } from '../../src/base/integers.js';
import { type File, type OpenOptions, open } from '../../src/index.js';
import type { Region } from '../../src/memory.js';
import { type Answer, fillArena, type Kernel, type Mode, type Vector } from './kernel.js';

export interface Call {
  readonly op: 'read' | 'write';
  readonly offset: number;
  readonly vectors: readonly Vector[];
}

export interface PairOptions extends OpenOptions {
  readonly mode?: Mode;
  /** What both files hold at first. */
  readonly content?: Uint8Array;
}

/** `taken`: with O_DIRECT, as the vectors were. `refused`: EINVAL, and the buffered call counts. `errno`: anything else. */
export type Verdict = 'taken' | 'refused' | 'errno';

const FLAGS: Readonly<Record<Mode, number>> = {
  r: constants.O_RDONLY,
  w: constants.O_WRONLY,
  rw: constants.O_RDWR,
  a: constants.O_WRONLY | constants.O_APPEND,
};

/** See DIFFERENCES.tinyVectors: all memory here is mapped. */
const BIO_MAX_VECS = 256;

export function describeCall({ op, offset, vectors }: Call): string {
  const shown = vectors.slice(0, 12).map(({ at, length }) => `${at}+${length}`);
  const more = vectors.length > shown.length ? ` … ${vectors.length} in all` : '';
  return `${op} at ${offset}: ${shown.join(' ')}${more}`;
}

/** Bytes of the arena that a call may touch, and the page behind them, which it must not. */
export function arenaBytesOf(vectors: readonly Vector[]): number {
  const end = vectors.reduce((most, { at, length }) => Math.max(most, at + length), 0);
  return alignUp(end, PAGE_SIZE) + PAGE_SIZE;
}

export function viewsOf(region: Region, vectors: readonly Vector[]): Uint8Array[] {
  return vectors.map(({ at, length }) => region.bytes.subarray(at, at + length));
}

/** What a call of ours came to. */
export async function answerOf(call: Promise<{ bytesRead: number } | { bytesWritten: number }>): Promise<Answer> {
  try {
    const result = await call;
    return 'bytesRead' in result ? result.bytesRead : result.bytesWritten;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}

/**
 * The rule: where the kernel takes the vectors, the same result and the same bytes; where it answers EINVAL, those of
 * the buffered call; any other errno is the same. What a read leaves in the vectors' memory behind its result is
 * anything; outside of the vectors, memory is as it was.
 */
export class Pair {
  readonly file: File;
  readonly #kernel: Kernel;
  readonly #region: Region;
  readonly #theirs: string;
  readonly #ours: string;
  #seed = 1;

  private constructor(kernel: Kernel, region: Region, file: File, theirs: string, ours: string) {
    this.#kernel = kernel;
    this.#region = region;
    this.file = file;
    this.#theirs = theirs;
    this.#ours = ours;
  }

  /** Makes two files, `path` with `.kernel` and `.ours`. */
  static async open(kernel: Kernel, region: Region, path: string, options: PairOptions = {}): Promise<Pair> {
    const { mode = 'rw', content = new Uint8Array(0), ...rest } = options;
    const theirs = `${path}.kernel`;
    const ours = `${path}.ours`;
    for (const name of [theirs, ours]) writeFileSync(name, content);
    await kernel.open(mode, theirs);
    return new Pair(kernel, region, await open(ours, FLAGS[mode], rest), theirs, ours);
  }

  async check(call: Call): Promise<Verdict> {
    const { op, offset, vectors } = call;
    const bytes = arenaBytesOf(vectors);
    const seed = this.#seed++;
    await this.#kernel.fill(seed, bytes);
    const memory = this.#region.bytes.subarray(0, bytes);
    fillArena(memory, seed);
    const before = Buffer.from(memory);
    let verdict: Verdict = 'taken';
    let theirs = await this.#kernel.direct(op, offset, vectors);
    if (theirs === 'EINVAL' || (theirs === 'EFAULT' && vectors.length > BIO_MAX_VECS)) {
      verdict = 'refused';
      theirs = await this.#kernel.buffered(op, offset, vectors);
    } else if (typeof theirs === 'string') verdict = 'errno';
    const views = viewsOf(this.#region, vectors);
    const ours = await answerOf(op === 'read' ? this.file.readv(views, offset) : this.file.writev(views, offset));
    const what = `${describeCall(call)} (${verdict})`;
    assert.equal(ours, theirs, what);
    const dump = op === 'read' ? await this.#kernel.dump(bytes) : before;
    const moved = typeof theirs === 'number' ? theirs : 0;
    assertSame(memory, expected(before, dump, memory, call, moved), `memory, ${what}`);
    return verdict;
  }

  /** Both files, through the page cache. */
  compareFiles(what: string): void {
    assertSame(readFileSync(this.#ours), readFileSync(this.#theirs), `file, ${what}`);
  }

  async truncate(bytes: number): Promise<void> {
    await this.#kernel.truncate(bytes);
    await this.file.truncate(bytes);
  }

  /** `punch` makes the same hole in ours. */
  async punch(offset: number, bytes: number, punch: Kernel): Promise<void> {
    await this.#kernel.punch(offset, bytes);
    await punch.open('rw', this.#ours);
    await punch.punch(offset, bytes);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/** The memory as it must be: what was there, the bytes that the kernel moved, and anything behind them in the vectors. */
function expected(before: Buffer, theirs: Buffer, ours: Uint8Array, { op, vectors }: Call, moved: number): Buffer {
  if (op === 'write') return before;
  const memory = Buffer.from(before);
  let left = moved;
  for (const { at, length } of vectors) {
    const read = Math.min(left, length);
    memory.set(theirs.subarray(at, at + read), at);
    memory.set(ours.subarray(at + read, at + length), at + read);
    left -= read;
  }
  return memory;
}

export function assertSame(actual: Uint8Array, wanted: Uint8Array, what: string): void {
  assert.equal(actual.length, wanted.length, `length of ${what}`);
  if (Buffer.compare(actual, wanted) === 0) return;
  const at = wanted.findIndex((byte, i) => actual[i] !== byte);
  assert.fail(`${what}: byte ${at} is ${actual[at]}, and with the kernel ${wanted[at]}`);
}
