// Neighbours become groups: each is one transfer over an unbroken range of the file.
import type { Item } from './entry.js';

/** Sorted by position; for writes disjoint, for reads with gaps of at most `gapBytes` between them. */
export interface Group<E> {
  readonly items: Item<E>[];
  readonly start: number;
  end: number;
}

export interface Merging {
  /** Reads: how many bytes that nobody asked for may be read so that two entries become one request. */
  readonly gapBytes: number;
  /** A group that has reached this much ends … */
  readonly groupBytes: number;
  /** … where it is a multiple of this: a write would get an unaligned end there otherwise. */
  readonly alignment: number;
}

/** Past so many times `groupBytes` a group ends wherever it is. */
const UNALIGNED_TIMES = 2;

/**
 * Reads of the same places: the second of two that overlap goes into another group. Four open groups keep these from
 * being cut to pieces:
 *
 *      sorted     A B A' B' C C'          (A' reads what A reads)
 *      groups     A+B+C and A'+B'+C'
 */
const OPEN_MAX = 4;

function byPosition<E>(a: Item<E>, b: Item<E>): number {
  return a.position - b.position || a.index - b.index;
}

export function groupsOf<E>(sorted: readonly Item<E>[], merging: Merging): Group<E>[] {
  const groups: Group<E>[] = [];
  let open: Group<E>[] = [];
  for (const item of sorted) {
    const { position, bytes } = item;
    const group = open.find(({ end }) => position >= end && position - end <= merging.gapBytes);
    if (group === undefined) {
      const fresh = { items: [item], start: position, end: position + bytes };
      groups.push(fresh);
      // Sorted: what is too far behind now stays so.
      open = open.filter(({ end }) => position - end <= merging.gapBytes);
      if (open.length === OPEN_MAX) open.shift();
      if (!isFull(fresh, merging)) open.push(fresh);
    } else {
      group.items.push(item);
      group.end = position + bytes;
      if (isFull(group, merging)) open = open.filter((other) => other !== group);
    }
  }
  return groups;
}

function isFull<E>({ start, end }: Group<E>, { groupBytes, alignment }: Merging): boolean {
  const bytes = end - start;
  return bytes >= groupBytes && (end % alignment === 0 || bytes >= UNALIGNED_TIMES * groupBytes);
}

/** All of them, sorted, taken from the list. */
export function takeAll<E>(items: Item<E>[]): Item<E>[] {
  return items.splice(0).sort(byPosition);
}

/**
 * The longest run of items from the first on of which no two overlap, sorted and taken from the list: what is written
 * twice is written in order. 1, 2, 4, 8 … items are tried, then halves between the last that went and the first that
 * did not, so that the cost follows what is taken and not what is left.
 */
export function takeDisjoint<E>(items: Item<E>[]): Item<E>[] {
  let most = 1;
  let taken = items.slice(0, 1);
  let tooMany = items.length + 1;
  for (let step = 1; most + 1 < tooMany; ) {
    const count = Math.min(most + step, tooMany - 1);
    const sorted = sortedIfDisjoint(items, count);
    if (sorted === null) {
      tooMany = count;
      step = Math.max(1, (tooMany - most) >> 1);
    } else {
      taken = sorted;
      most = count;
      step = tooMany > items.length ? count : Math.max(1, (tooMany - most) >> 1);
    }
  }
  items.splice(0, most);
  return taken;
}

function sortedIfDisjoint<E>(items: readonly Item<E>[], count: number): Item<E>[] | null {
  const sorted = items.slice(0, count).sort(byPosition);
  let end = -1;
  for (const { position, bytes } of sorted) {
    if (position < end) return null;
    end = position + bytes;
  }
  return sorted;
}
