// How a CRUSH bucket chooses one of its items: straw2, straw and uniform.
import { type ChooseArgs, type CrushBucket, refusedBucket, STRAW, STRAW2, UNIFORM } from './crush-map.js';
import { hash3 } from './hash.js';
import { distances, logarithm } from './ln.js';

/** Draws are by the lower 16 bits of a hash. */
const DRAW_BITS = 0xffff;

/** The item of `bucket`, which has some, for the input x, replica r and a place in the result. */
export function chooseItem(
  bucket: CrushBucket,
  x: number,
  r: number,
  args: ChooseArgs | undefined,
  place: number,
): number {
  switch (bucket.algorithm) {
    case STRAW2:
      return straw2(bucket, x, r, args, place);
    case STRAW:
      return straw(bucket, x, r);
    case UNIFORM:
      return permuted(bucket, x, r);
    default:
      throw refusedBucket(bucket);
  }
}

/**
 * Each item draws −ln(u) / weight, u even within 0 … 1, and the shortest wins: so an item wins by its weight, whatever
 * the others' are. The quotient is exact below its point: n is an integer below 2^48 and the weight one below 2^32, so
 * a double that rounds n / weight cannot reach an integer that it should stay below. Equal draws: the first wins.
 */
function straw2(bucket: CrushBucket, x: number, r: number, args: ChooseArgs | undefined, place: number): number {
  const table = distances;
  const { items } = bucket;
  let ids = items;
  let weights = bucket.weights;
  if (args !== undefined) {
    const { weightSets } = args;
    weights = weightSets[Math.min(place, weightSets.length - 1)] ?? weights;
    if (args.ids.length > 0) ids = args.ids;
  }
  let best = Number.POSITIVE_INFINITY;
  let chosen = 0;
  for (let i = 0; i < items.length; i++) {
    const weight = weights[i] ?? 0;
    if (weight === 0) continue;
    const u = hash3(x, ids[i] ?? 0, r) & DRAW_BITS;
    const draw = Math.floor((table[u] || logarithm(u)) / weight);
    if (draw < best) {
      best = draw;
      chosen = i;
    }
  }
  return items[chosen] ?? 0;
}

/** The longest straw wins; their lengths were computed with the map, and depend on all the bucket's weights. */
function straw(bucket: CrushBucket, x: number, r: number): number {
  const { items, weights } = bucket;
  let best = -1;
  let chosen = 0;
  for (let i = 0; i < items.length; i++) {
    const draw = (hash3(x, items[i] ?? 0, r) & DRAW_BITS) * (weights[i] ?? 0);
    if (draw > best) {
      best = draw;
      chosen = i;
    }
  }
  return items[chosen] ?? 0;
}

/** Reused from call to call: nothing of it is kept. */
const order: number[] = [];

/** Item r of a permutation of all items, which depends on x: Fisher and Yates, as far as it is needed. */
export function permuted({ id, items }: CrushBucket, x: number, r: number): number {
  const size = items.length;
  const place = (r >>> 0) % size;
  if (place === 0) return items[(hash3(x, id, 0) >>> 0) % size] ?? 0;
  for (let i = 0; i < size; i++) order[i] = i;
  for (let at = 0; at <= place && at < size - 1; at++) {
    const other = at + ((hash3(x, id, at) >>> 0) % (size - at));
    const swapped = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = swapped;
  }
  return items[order[place] ?? 0] ?? 0;
}
