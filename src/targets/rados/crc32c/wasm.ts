// CRC-32C in WebAssembly, where neither the addon nor the optional package is there: bytes are copied into its memory.
import { assert } from '../../../base/assert.js';
import { CRC32C_TABLES, crc32cRemainder } from '../../../base/crc32c.js';
import { SLICE_BYTES, TABLES_AT, TABLES_BYTES, wasmBytes } from './wasm-bytes.js';

/** TypeScript knows it from the DOM's types alone. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** The tables, and what the processor's nearest caches hold of bytes. */
const MEMORY_PAGES = 1;
const PAGE_BYTES = 65_536;
const ROOM_BYTES = PAGE_BYTES - TABLES_BYTES;
/** Below this the copy costs more than it saves. */
const WORTHWHILE_BYTES = 128;

type Crc32cFunction = (remainder: number, bytes: Uint8Array) => number;

/** Null where there is no WebAssembly: `node --jitless`. */
export function wasmCrc32c(): Crc32cFunction | null {
  if (typeof WebAssembly === 'undefined') return null;
  const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasmBytes(MEMORY_PAGES)), { m: { m: memory } });
  const run = exports.f;
  assert(typeof run === 'function', 'the module exports its function');
  new Int32Array(memory.buffer, TABLES_AT, TABLES_BYTES / 4).set(CRC32C_TABLES);
  const room = new Uint8Array(memory.buffer, TABLES_BYTES, ROOM_BYTES);
  return (remainder, bytes) => {
    if (bytes.length < WORTHWHILE_BYTES) return crc32cRemainder(remainder, bytes);
    let crc = remainder;
    let at = 0;
    const slices = bytes.length - (bytes.length % SLICE_BYTES);
    while (at < slices) {
      const part = Math.min(ROOM_BYTES, slices - at);
      room.set(part === bytes.length ? bytes : bytes.subarray(at, at + part));
      crc = Number(run(crc, TABLES_BYTES, TABLES_BYTES + part));
      at += part;
    }
    return crc32cRemainder(crc, bytes.subarray(at));
  };
}
