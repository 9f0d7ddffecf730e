// A flat directory of files as an NFSv4 server has it, for tests of the client without a network.
import { bitmapOf, hasBit, readBitmap, writeBitmap } from '../../../src/targets/nfs/v4/bitmap.js';
import { ATTRIBUTE } from '../../../src/targets/nfs/v4/constants.js';
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';

export type FakeType = 1 | 2 | 5;

export interface FakeFile {
  readonly id: bigint;
  readonly type: FakeType;
  data: Buffer;
  mode: number;
  links: number;
  /** Of an exclusive create: who comes with the same finds its own file. */
  verifier: bigint;
  /** Counts what others do to it. */
  change: number;
}

/** In the order of the wire; what is not here is not supported. */
const VALUES: readonly (readonly [number, (xdr: XdrWriter, file: FakeFile) => void])[] = [
  [ATTRIBUTE.TYPE, (xdr, { type }) => xdr.u32(type)],
  [ATTRIBUTE.CHANGE, (xdr, { change }) => xdr.u64(change)],
  [ATTRIBUTE.SIZE, (xdr, { data }) => xdr.u64(data.length)],
  [
    ATTRIBUTE.FSID,
    (xdr) => {
      xdr.u64(1);
      xdr.u64(2);
    },
  ],
  [ATTRIBUTE.LEASE_TIME, (xdr) => xdr.u32(30)],
  [ATTRIBUTE.FILEID, (xdr, { id }) => xdr.u64(id)],
  [ATTRIBUTE.MAXREAD, (xdr) => xdr.u64(1 << 20)],
  [ATTRIBUTE.MAXWRITE, (xdr) => xdr.u64(1 << 20)],
  [ATTRIBUTE.MODE, (xdr, { mode }) => xdr.u32(mode)],
  [ATTRIBUTE.NUMLINKS, (xdr, { links }) => xdr.u32(links)],
  [ATTRIBUTE.OWNER, (xdr) => xdr.string('1000')],
  [ATTRIBUTE.OWNER_GROUP, (xdr) => xdr.string('root@example.org')],
];

const SUPPORTED = bitmapOf(...VALUES.map(([attribute]) => attribute));

export function writeAttributes(xdr: XdrWriter, wanted: readonly number[], file: FakeFile): void {
  const given = SUPPORTED.map((word, i) => (word & (wanted[i] ?? 0)) >>> 0);
  writeBitmap(xdr, given);
  const at = xdr.reserveU32();
  const from = xdr.length;
  for (const [attribute, write] of VALUES) if (hasBit(given, attribute)) write(xdr, file);
  xdr.patchU32(at, xdr.length - from);
}

/** Sizes and modes; the rest of what a client sets is stepped over. */
export function readSettings(xdr: XdrReader): { size?: number; mode?: number } {
  const bitmap = readBitmap(xdr);
  const length = xdr.u32();
  const from = xdr.offset;
  const settings: { size?: number; mode?: number } = {};
  if (hasBit(bitmap, ATTRIBUTE.SIZE)) settings.size = xdr.u64Number();
  if (hasBit(bitmap, ATTRIBUTE.MODE)) settings.mode = xdr.u32();
  xdr.skip(length - (xdr.offset - from));
  return settings;
}

export class FakeFiles {
  readonly names: Map<string, FakeFile> = new Map();
  readonly root: FakeFile;
  readonly #byId: Map<bigint, FakeFile> = new Map();
  #ids = 0n;

  constructor() {
    this.root = this.#make(2);
  }

  #make(type: FakeType, data: Buffer = Buffer.alloc(0)): FakeFile {
    const file: FakeFile = { id: ++this.#ids, type, data, mode: 0o755, links: 1, verifier: 0n, change: 7 };
    this.#byId.set(file.id, file);
    return file;
  }

  add(name: string, type: FakeType, data: Buffer = Buffer.alloc(0)): FakeFile {
    const file = this.#make(type, data);
    this.names.set(name, file);
    return file;
  }

  handleOf(file: FakeFile): Uint8Array {
    const handle = Buffer.alloc(12, 'fh');
    handle.writeBigUInt64BE(file.id, 4);
    return handle;
  }

  ofHandle(handle: Uint8Array): FakeFile | undefined {
    const bytes = Buffer.from(handle.buffer, handle.byteOffset, handle.length);
    return bytes.length === 12 ? this.#byId.get(bytes.readBigUInt64BE(4)) : undefined;
  }
}
