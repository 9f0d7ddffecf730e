// The hashes of object names: which placement group a name belongs to.

/** object_hash of pools: CEPH_STR_HASH_… of src/include/ceph_hash.h in Ceph. */
export const HASH_LINUX = 1;
export const HASH_RJENKINS = 2;

/** The golden ratio, an arbitrary start: as in Jenkins' hash of 1996 (burtleburtle.net/bob/hash/evahash.html). */
const GOLDEN_RATIO = 0x9e3779b9 | 0;
const BLOCK_BYTES = 12;

/** Robert Jenkins' hash of 1996 (public domain), unsigned: words of twelve bytes, little-endian, mixed into three. */
export function jenkinsHash(bytes: Uint8Array): number {
  let a = GOLDEN_RATIO;
  let b = GOLDEN_RATIO;
  let c = 0;
  for (let at = 0; ; at += BLOCK_BYTES) {
    const left = bytes.length - at;
    a += word(bytes, at);
    b += word(bytes, at + 4);
    // In the last block the length takes the place of the third word's first byte.
    c += left >= BLOCK_BYTES ? word(bytes, at + 8) : (word(bytes, at + 8) << 8) + bytes.length;
    a = (a - b - c) ^ (c >>> 13);
    b = (b - c - a) ^ (a << 8);
    c = (c - a - b) ^ (b >>> 13);
    a = (a - b - c) ^ (c >>> 12);
    b = (b - c - a) ^ (a << 16);
    c = (c - a - b) ^ (b >>> 5);
    a = (a - b - c) ^ (c >>> 3);
    b = (b - c - a) ^ (a << 10);
    c = (c - a - b) ^ (b >>> 15);
    if (left < BLOCK_BYTES) return c >>> 0;
  }
}

/** Bytes beyond the end are zeros. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** What Linux hashed names of directories by, which the oldest pools use. */
export function linuxHash(bytes: Uint8Array): number {
  let hash = 0;
  for (const byte of bytes) hash = Math.imul(hash + (byte << 4) + (byte >> 4), 11);
  return hash >>> 0;
}
