// Vectors as a line of text describes them: how many, how long, and how they lie in (simulated) memory. Pure.
import { PAGE_SIZE } from '../base/integers.js';
import { Prng } from '../targets/sim/prng.js';

/** A piece of the simulated memory, which begins at 0, at the start of a page. */
export interface Vector {
  readonly offset: number;
  readonly size: number;
}

/** As many 4 KiB vectors as 1 GiB has. */
const VECTORS_MAX: number = 2 ** 18;
/** How far the simulated memory may reach: address space is all that it costs. */
export const MEMORY_BYTES_MAX: number = 4 * 2 ** 30;

/** Makes the caller's kind of error of what is wrong: an option is named differently from an argument. */
export type Refuse = (problem: string) => Error;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `4096`, `512K`, `1.5M`, `1GiB`: bytes, in powers of 1024; NaN for anything else. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text);
  if (match === null) return Number.NaN;
  const bytes = Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN;
}

type Layout =
  | { readonly name: 'contiguous' | 'scattered' | 'shuffled' }
  | { readonly name: 'page'; readonly inPage: number }
  | { readonly name: 'stride'; readonly step: number };

interface Group {
  readonly count: number;
  readonly size: number;
  readonly layout: Layout;
  readonly text: string;
}

const FORMS = 'contiguous, scattered, shuffled, misaligned, page+OFFSET, stride+STEP';

/**
 * `[Nx]SIZE[@LAYOUT]`, separated by commas. Each layout, with vectors 0 1 2 3 where they lie in memory, `|` a page:
 *
 *      contiguous    |0 1 2 3    |              each begins where the one before it ends (the default)
 *      scattered     |0    |     |1    |        each begins a page of its own, with a page between them
 *      page+100      | 0   |     | 1   |        the same, 100 bytes into its page; misaligned: page+1
 *      shuffled      |2 0 3 1    |              the places of contiguous, in an order that the seed gives
 *      stride+3      |0 3 2 1    |              the places of contiguous, every third, around and around
 */
export function parseVectors(text: string, seed: number, refuse: Refuse): readonly Vector[] {
  const groups = text.split(',').map((item) => parseGroup(item.trim(), refuse));
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  if (count > VECTORS_MAX) throw refuse(`${count} vectors are more than ${VECTORS_MAX}`);
  const placer = new Placer(new Prng(seed), refuse);
  for (const group of groups) placer.place(group);
  return placer.vectors;
}

function parseGroup(text: string, refuse: Refuse): Group {
  const match = /^(?:(\d+)x)?([^@x]+)(?:@(.*))?$/i.exec(text);
  const count = Number(match?.[1] ?? 1);
  const size = parseSize(match?.[2] ?? '');
  if (match === null || Number.isNaN(size))
    throw refuse(`'${text}' is not [Nx]SIZE[@LAYOUT], such as 4096, 64x4K or 1024x512@shuffled`);
  if (count < 1) throw refuse(`'${text}': a count is 1 or more`);
  if (size > MEMORY_BYTES_MAX) throw refuse(`'${text}': a vector is at most ${MEMORY_BYTES_MAX} bytes`);
  return { count, size, layout: parseLayout(match[3] ?? 'contiguous', count, text, refuse), text };
}

function parseLayout(name: string, count: number, text: string, refuse: Refuse): Layout {
  if (name === 'contiguous' || name === 'scattered' || name === 'shuffled') return { name };
  if (name === 'misaligned') return { name: 'page', inPage: 1 };
  const page = /^page\+(\d+)$/.exec(name);
  if (page !== null) {
    const inPage = Number(page[1]);
    if (inPage >= PAGE_SIZE) throw refuse(`'${text}': page+OFFSET is page+0 to page+${PAGE_SIZE - 1}`);
    return { name: 'page', inPage };
  }
  const stride = /^stride\+(\d+)$/.exec(name);
  if (stride === null) throw refuse(`'${text}': the layout '${name}' is none of ${FORMS}`);
  const step = Number(stride[1]);
  if (!Number.isSafeInteger(step * count) || divisor(step, count) !== 1)
    throw refuse(`'${text}': a stride of ${step} does not come to each of ${count} places: they have a divisor`);
  return { name: 'stride', step };
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Gives each group its memory: areas that begin pages, with a page that nobody uses between them. */
class Placer {
  readonly vectors: Vector[] = [];
  readonly #prng: Prng;
  readonly #refuse: Refuse;
  /** Where the memory that is in use ends. */
  #end = 0;
  #isContiguous = false;

  constructor(prng: Prng, refuse: Refuse) {
    this.#prng = prng;
    this.#refuse = refuse;
  }

  place(group: Group): void {
    const { count, size, layout } = group;
    const before = this.#isContiguous;
    this.#isContiguous = layout.name === 'contiguous';
    if (layout.name === 'scattered') this.#pages(group, 0);
    else if (layout.name === 'page') this.#pages(group, layout.inPage);
    else {
      const base = before && this.#isContiguous ? this.#end : this.#fresh();
      for (const slot of this.#order(count, layout)) this.#add(base + slot * size, size, group);
      this.#end = base + count * size;
    }
  }

  #order(count: number, layout: Layout): readonly number[] {
    const { name } = layout;
    const slots = Array.from({ length: count }, (_, i) => (name === 'stride' ? (i * layout.step) % count : i));
    if (name === 'shuffled') this.#prng.shuffle(slots);
    return slots;
  }

  #pages(group: Group, inPage: number): void {
    for (let i = 0; i < group.count; i++) {
      const offset = this.#fresh() + inPage;
      this.#add(offset, group.size, group);
      this.#end = offset + Math.max(1, group.size);
    }
  }

  #add(offset: number, size: number, { text }: Group): void {
    if (offset + size > MEMORY_BYTES_MAX)
      throw this.#refuse(
        `'${text}' ends past ${MEMORY_BYTES_MAX / 2 ** 30} GiB of memory, which is as much as is simulated`,
      );
    this.vectors.push({ offset, size });
  }

  /** The start of a page that is no neighbour of one in use. */
  #fresh(): number {
    return this.#end === 0 ? 0 : (Math.ceil(this.#end / PAGE_SIZE) + 1) * PAGE_SIZE;
  }
}

/** Vectors from a caller or a file: `[{ offset, size }, …]`, offsets being places in the simulated memory. */
export function checkVectors(value: unknown, refuse: Refuse): readonly Vector[] {
  if (!Array.isArray(value)) throw refuse('not an array of { "offset": …, "size": … }');
  if (value.length === 0) throw refuse('an empty list');
  if (value.length > VECTORS_MAX) throw refuse(`${value.length} vectors are more than ${VECTORS_MAX}`);
  return value.map((each: unknown, index) => {
    const { offset, size } = fieldsOf(each);
    if (!isPlace(offset) || !isPlace(size) || offset + size > MEMORY_BYTES_MAX)
      throw refuse(
        `[${index}] is not { "offset": …, "size": … }, integers from 0 on that end at ${MEMORY_BYTES_MAX} or before`,
      );
    return { offset, size };
  });
}

function fieldsOf(value: unknown): { readonly offset?: unknown; readonly size?: unknown } {
  return value !== null && typeof value === 'object' ? value : {};
}

function isPlace(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
