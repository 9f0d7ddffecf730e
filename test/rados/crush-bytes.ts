// Encodes small CRUSH maps for tests, as CrushWrapper::encode does: where crushtool would refuse what a test needs.
import { DencWriter } from '../../src/targets/rados/denc/writer.js';

export interface TestBucket {
  readonly name: string;
  readonly type: number;
  readonly algorithm: number;
  readonly items: readonly number[];
  /** Of every item, as a multiple of one. */
  readonly weight?: number;
}

export interface TestMap {
  readonly devices: number;
  /** The first is −1. */
  readonly buckets: readonly TestBucket[];
  readonly rules: readonly (readonly (readonly [op: number, arg1: number, arg2: number])[])[];
  readonly totalTries?: number;
}

const ONE = 0x10000;

export function crushBytes({ devices, buckets, rules, totalTries = 50 }: TestMap): Uint8Array {
  const writer = new DencWriter();
  for (const word of [0x00010000, buckets.length, rules.length, devices]) writer.u32(word);
  for (const [index, bucket] of buckets.entries()) writeBucket(writer, -1 - index, bucket);
  for (const steps of rules) {
    writer.u32(1);
    writer.u32(steps.length);
    writer.u32(0);
    for (const [op, arg1, arg2] of steps) {
      writer.u32(op);
      writer.s32(arg1);
      writer.s32(arg2);
    }
  }
  writeNames(
    writer,
    ['osd', 'host', 'root'].map((name, id) => [id, name]),
  );
  writeNames(
    writer,
    buckets.map(({ name }, index) => [-1 - index, name]),
  );
  writeNames(
    writer,
    rules.map((_, id) => [id, `rule${id}`]),
  );
  // No local tries; descend once, vary r; the straws' version; all algorithms; stable.
  for (const word of [0, 0, totalTries, 1]) writer.u32(word);
  writer.u8(1);
  writer.u8(1);
  writer.u32(0x3e);
  writer.u8(1);
  // No classes, no choose_args.
  for (let i = 0; i < 4; i++) writer.u32(0);
  return writer.bytes.slice();
}

function writeBucket(writer: DencWriter, id: number, { type, algorithm, items, weight = 1 }: TestBucket): void {
  writer.u32(algorithm);
  writer.s32(id);
  writer.u16(type);
  writer.u8(algorithm);
  writer.u8(0);
  writer.u32(weight * ONE * items.length);
  writer.u32(items.length);
  for (const item of items) writer.s32(item);
  if (algorithm === 1) writer.u32(weight * ONE);
  if (algorithm === 3) writer.u8(0);
  // list: weight and sum; straw: weight and straw; straw2: weight.
  const words = [0, 0, 2, 0, 2, 1][algorithm] ?? 0;
  for (let i = 0; i < words * items.length; i++) writer.u32(weight * ONE);
}

function writeNames(writer: DencWriter, names: readonly (readonly [number, string])[]): void {
  writer.u32(names.length);
  for (const [id, name] of names) {
    writer.s32(id);
    writer.string(name);
  }
}
