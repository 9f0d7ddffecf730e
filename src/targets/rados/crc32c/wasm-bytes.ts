// The bytes of a WebAssembly module of one function over memory of its importer's: CRC-32C by slices of 16 bytes.

/** Where the importer is to put its tables (base/crc32c.ts), and where bytes may lie from. */
export const TABLES_AT = 0;
export const TABLES_BYTES: number = 16 * 1024;
export const SLICE_BYTES = 16;

// https://webassembly.github.io/spec/core/binary/: magic and version, sections, types, instructions.
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION_TYPE = 1;
const SECTION_IMPORT = 2;
const SECTION_FUNCTION = 3;
const SECTION_EXPORT = 7;
const SECTION_CODE = 10;
const I32 = 0x7f;
const I64 = 0x7e;
const FUNCTION_TYPE = 0x60;
const NO_RESULT = 0x40;
const KIND_FUNCTION = 0;
const KIND_MEMORY = 2;
const LOOP = 0x03;
const BRANCH_IF = 0x0d;
const END = 0x0b;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_LOAD = 0x28;
const I64_LOAD = 0x29;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const I32_XOR = 0x73;
const I64_SHL = 0x86;
const I64_SHR_U = 0x88;
const I64_XOR = 0x85;
const I32_WRAP_I64 = 0xa7;
const I64_EXTEND_I32_U = 0xad;

/** The function's locals: its parameters, then what it keeps. */
const CRC = 0;
const AT = 1;
const TO = 2;
const LOW = 3;
const HIGH = 4;

/** LEB128 of what is not negative, both unsigned and signed: the sign bit of the last byte stays clear. */
function number(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    const isLast = rest < 0x40;
    bytes.push((rest & 0x7f) | (isLast ? 0 : 0x80));
    if (isLast) return bytes;
  }
}

function text(value: string): number[] {
  const bytes = [...value].map((letter) => letter.charCodeAt(0));
  return [...number(bytes.length), ...bytes];
}

function section(id: number, ...content: readonly number[]): number[] {
  return [id, ...number(content.length), ...content];
}

/** What byte `index` of a word does to the remainder, with `behind` more bytes of its slice behind it. */
function lookUp(word: number, index: number, behind: number): number[] {
  const scaled = index === 0 ? [...number(2), I64_SHL] : [...number(8 * index - 2), I64_SHR_U];
  return [
    ...[LOCAL_GET, word, I64_CONST, ...scaled, I32_WRAP_I64, I32_CONST, ...number(0xff << 2), I32_AND],
    ...[I32_LOAD, 2, ...number(TABLES_AT + behind * 1024)],
  ];
}

/** `crc32c(remainder, at, to)`: over whole slices, at least one. */
function body(): number[] {
  const load = (offset: number): number[] => [LOCAL_GET, AT, I64_LOAD, 3, ...number(offset)];
  // Those of the first word wait for the remainder of the slice before: they come last, so that the others need not wait.
  const late = [0, 1, 2, 3].map((index) => lookUp(LOW, index, 15 - index));
  const early = [
    ...[4, 5, 6, 7].map((index) => lookUp(LOW, index, 15 - index)),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((index) => lookUp(HIGH, index, 7 - index)),
  ];
  const combined = [...early, ...late].flatMap((code, i) => (i === 0 ? code : [...code, I32_XOR]));
  return [
    ...[LOOP, NO_RESULT],
    ...[...load(0), LOCAL_GET, CRC, I64_EXTEND_I32_U, I64_XOR, LOCAL_SET, LOW],
    ...[...load(8), LOCAL_SET, HIGH],
    ...[...combined, LOCAL_SET, CRC],
    ...[LOCAL_GET, AT, I32_CONST, ...number(SLICE_BYTES), I32_ADD, LOCAL_TEE, AT, LOCAL_GET, TO, I32_LT_U],
    ...[BRANCH_IF, 0, END],
    ...[LOCAL_GET, CRC, END],
  ];
}

/** Imports memory `m.m` of `pages` pages at least, and exports the function as `f`. */
export function wasmBytes(pages: number): Uint8Array {
  const code = [1, 2, I64, ...body()];
  return Uint8Array.from([
    ...HEADER,
    ...section(SECTION_TYPE, 1, FUNCTION_TYPE, 3, I32, I32, I32, 1, I32),
    ...section(SECTION_IMPORT, 1, ...text('m'), ...text('m'), KIND_MEMORY, 0, ...number(pages)),
    ...section(SECTION_FUNCTION, 1, 0),
    ...section(SECTION_EXPORT, 1, ...text('f'), KIND_FUNCTION, 0),
    ...section(SECTION_CODE, 1, ...number(code.length), ...code),
  ]);
}
