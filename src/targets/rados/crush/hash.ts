// CRUSH's hashes of two and three words: Robert Jenkins' 96-bit mix (burtleburtle.net/bob/hash/evahash.html, public domain).

/** crush_hash_seed, x and y of src/crush/hash.c in Ceph. */
const SEED = 1315423911;
const X = 231232;
const Y = 1232;

/*
 * One mix is nine lines, a b c, b c a, c a b and so on; a function of three words that it changes would have to give
 * them back in an object, and a mapping mixes hundreds of times.
 */

/** A signed word of `first` and `second`, which are words. */
export function hash2(first: number, second: number): number {
  let a = first | 0;
  let b = second | 0;
  let hash = SEED ^ a ^ b;
  let x = X;
  let y = Y;
  a = (a - b - hash) ^ (hash >>> 13);
  b = (b - hash - a) ^ (a << 8);
  hash = (hash - a - b) ^ (b >>> 13);
  a = (a - b - hash) ^ (hash >>> 12);
  b = (b - hash - a) ^ (a << 16);
  hash = (hash - a - b) ^ (b >>> 5);
  a = (a - b - hash) ^ (hash >>> 3);
  b = (b - hash - a) ^ (a << 10);
  hash = (hash - a - b) ^ (b >>> 15);

  x = (x - a - hash) ^ (hash >>> 13);
  a = (a - hash - x) ^ (x << 8);
  hash = (hash - x - a) ^ (a >>> 13);
  x = (x - a - hash) ^ (hash >>> 12);
  a = (a - hash - x) ^ (x << 16);
  hash = (hash - x - a) ^ (a >>> 5);
  x = (x - a - hash) ^ (hash >>> 3);
  a = (a - hash - x) ^ (x << 10);
  hash = (hash - x - a) ^ (a >>> 15);

  b = (b - y - hash) ^ (hash >>> 13);
  y = (y - hash - b) ^ (b << 8);
  hash = (hash - b - y) ^ (y >>> 13);
  b = (b - y - hash) ^ (hash >>> 12);
  y = (y - hash - b) ^ (b << 16);
  hash = (hash - b - y) ^ (y >>> 5);
  b = (b - y - hash) ^ (hash >>> 3);
  y = (y - hash - b) ^ (b << 10);
  hash = (hash - b - y) ^ (y >>> 15);
  return hash;
}

/** The same of three. */
export function hash3(first: number, second: number, third: number): number {
  let a = first | 0;
  let b = second | 0;
  let c = third | 0;
  let hash = SEED ^ a ^ b ^ c;
  let x = X;
  let y = Y;
  a = (a - b - hash) ^ (hash >>> 13);
  b = (b - hash - a) ^ (a << 8);
  hash = (hash - a - b) ^ (b >>> 13);
  a = (a - b - hash) ^ (hash >>> 12);
  b = (b - hash - a) ^ (a << 16);
  hash = (hash - a - b) ^ (b >>> 5);
  a = (a - b - hash) ^ (hash >>> 3);
  b = (b - hash - a) ^ (a << 10);
  hash = (hash - a - b) ^ (b >>> 15);

  c = (c - x - hash) ^ (hash >>> 13);
  x = (x - hash - c) ^ (c << 8);
  hash = (hash - c - x) ^ (x >>> 13);
  c = (c - x - hash) ^ (hash >>> 12);
  x = (x - hash - c) ^ (c << 16);
  hash = (hash - c - x) ^ (x >>> 5);
  c = (c - x - hash) ^ (hash >>> 3);
  x = (x - hash - c) ^ (c << 10);
  hash = (hash - c - x) ^ (x >>> 15);

  y = (y - a - hash) ^ (hash >>> 13);
  a = (a - hash - y) ^ (y << 8);
  hash = (hash - y - a) ^ (a >>> 13);
  y = (y - a - hash) ^ (hash >>> 12);
  a = (a - hash - y) ^ (y << 16);
  hash = (hash - y - a) ^ (a >>> 5);
  y = (y - a - hash) ^ (hash >>> 3);
  a = (a - hash - y) ^ (y << 10);
  hash = (hash - y - a) ^ (a >>> 15);

  b = (b - x - hash) ^ (hash >>> 13);
  x = (x - hash - b) ^ (b << 8);
  hash = (hash - b - x) ^ (x >>> 13);
  b = (b - x - hash) ^ (hash >>> 12);
  x = (x - hash - b) ^ (b << 16);
  hash = (hash - b - x) ^ (x >>> 5);
  b = (b - x - hash) ^ (hash >>> 3);
  x = (x - hash - b) ^ (b << 10);
  hash = (hash - b - x) ^ (x >>> 15);

  y = (y - c - hash) ^ (hash >>> 13);
  c = (c - hash - y) ^ (y << 8);
  hash = (hash - y - c) ^ (c >>> 13);
  y = (y - c - hash) ^ (hash >>> 12);
  c = (c - hash - y) ^ (y << 16);
  hash = (hash - y - c) ^ (c >>> 5);
  y = (y - c - hash) ^ (hash >>> 3);
  c = (c - hash - y) ^ (y << 10);
  hash = (hash - y - c) ^ (c >>> 15);
  return hash;
}
