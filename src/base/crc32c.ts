// CRC-32C (Castagnoli), as iSCSI, ext4, btrfs and RADOS use it: in TypeScript, for where no instruction is at hand.

/** The polynomial 0x1EDC6F41, reflected. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

/** TABLES[256 k + b]: what byte b does to the remainder with k more bytes behind it. */
const TABLES: Int32Array = makeTables();

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

/** The checksum of bytes that come piece by piece: `crc32c('123456789')` is 0xe3069283. */
export class Crc32c {
  #remainder = -1;

  /** Of all bytes so far: 0 … 2^32−1. */
  get value(): number {
    return ~this.#remainder >>> 0;
  }

  /** Slicing by 8: eight look-ups that do not wait for each other instead of eight that do. */
  update(bytes: Uint8Array): this {
    const t = TABLES;
    let crc = this.#remainder;
    let i = 0;
    for (const end = bytes.length - (SLICES - 1); i < end; i += SLICES) {
      // Each index lies within its array: the casts say so, and a check would cost as much as a look-up.
      crc =
        (t[1792 + ((crc ^ (bytes[i] as number)) & 0xff)] as number) ^
        (t[1536 + (((crc >>> 8) ^ (bytes[i + 1] as number)) & 0xff)] as number) ^
        (t[1280 + (((crc >>> 16) ^ (bytes[i + 2] as number)) & 0xff)] as number) ^
        (t[1024 + ((crc >>> 24) ^ (bytes[i + 3] as number))] as number) ^
        (t[768 + (bytes[i + 4] as number)] as number) ^
        (t[512 + (bytes[i + 5] as number)] as number) ^
        (t[256 + (bytes[i + 6] as number)] as number) ^
        (t[bytes[i + 7] as number] as number);
    }
    for (; i < bytes.length; i++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[i] as number)) & 0xff] as number);
    this.#remainder = crc;
    return this;
  }
}
