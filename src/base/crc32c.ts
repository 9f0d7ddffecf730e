// CRC-32C (Castagnoli), as iSCSI, ext4, btrfs and RADOS use it: in TypeScript, for where no instruction is at hand.

/** The polynomial 0x1EDC6F41, reflected. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 16;
/** Words are read as the machine has them. */
const LITTLE_ENDIAN: boolean = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
/** Below this a view of words costs more than it saves. */
const WORDS_FROM_BYTES = 64;

/** TABLES[256 k + b]: what byte b does to the remainder with k more bytes behind it. */
const TABLES: Int32Array = makeTables();

/** For other means that go by the same tables. */
export const CRC32C_TABLES: Int32Array = TABLES;

function makeTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    tables[byte] = remainder;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

/**
 * The remainder after `bytes`, inverted neither before nor after: what protocols that go on from a seed want.
 * `~crc32cRemainder(-1, bytes) >>> 0` is the usual checksum.
 */
export function crc32cRemainder(remainder: number, bytes: Uint8Array): number {
  let crc = remainder | 0;
  let at = 0;
  if (LITTLE_ENDIAN && bytes.length >= WORDS_FROM_BYTES) {
    const head = -bytes.byteOffset & 3;
    const blocks = Math.floor((bytes.length - head) / SLICES);
    crc = byBytes(crc, bytes, 0, head);
    crc = byWords(crc, new Int32Array(bytes.buffer, bytes.byteOffset + head, (blocks * SLICES) / 4));
    at = head + blocks * SLICES;
  }
  return byBytes(crc, bytes, at, bytes.length) >>> 0;
}

function byBytes(remainder: number, bytes: Uint8Array, from: number, to: number): number {
  let crc = remainder;
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ (TABLES[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  return crc;
}

/** Slicing by 16: look-ups that do not wait for each other. */
function byWords(remainder: number, words: Int32Array): number {
  const t = TABLES;
  let crc = remainder;
  for (let i = 0; i < words.length; i += 4) {
    // Each index lies within its array: the casts say so, and a check would cost as much as a look-up.
    const a = crc ^ (words[i] as number);
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    crc =
      (t[3840 + (a & 0xff)] as number) ^
      (t[3584 + ((a >>> 8) & 0xff)] as number) ^
      (t[3328 + ((a >>> 16) & 0xff)] as number) ^
      (t[3072 + (a >>> 24)] as number) ^
      (t[2816 + (b & 0xff)] as number) ^
      (t[2560 + ((b >>> 8) & 0xff)] as number) ^
      (t[2304 + ((b >>> 16) & 0xff)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[1792 + (c & 0xff)] as number) ^
      (t[1536 + ((c >>> 8) & 0xff)] as number) ^
      (t[1280 + ((c >>> 16) & 0xff)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (d & 0xff)] as number) ^
      (t[512 + ((d >>> 8) & 0xff)] as number) ^
      (t[256 + ((d >>> 16) & 0xff)] as number) ^
      (t[d >>> 24] as number);
  }
  return crc;
}

/** The checksum of bytes that come piece by piece: of `123456789` it is 0xe3069283. */
export class Crc32c {
  #remainder = 0xffffffff;

  /** Of all bytes so far: 0 … 2^32−1. */
  get value(): number {
    return ~this.#remainder >>> 0;
  }

  update(bytes: Uint8Array): this {
    this.#remainder = crc32cRemainder(this.#remainder, bytes);
    return this;
  }
}
