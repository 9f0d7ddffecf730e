// Steps as the addon takes them for librados: four numbers each, and one for every piece of memory.
import { assert } from '../../../base/assert.js';
import { errors } from '../../../base/errors.js';
import { memoryGone } from '../../../iter/segments.js';
import { SegmentList } from '../../../plan/request.js';
import { ENODATA } from '../../../transfer/errno.js';
import { DencWriter } from '../denc/writer.js';
import * as code from '../osd/codes.js';
import type { StepResult } from '../osd/request.js';
import { readNamedValues, type Step } from '../osd/step.js';

/** The table `kind` of native/librados.c. */
const Kind = {
  read: 0,
  stat: 1,
  xattrs: 2,
  assertVersion: 3,
  write: 4,
  writeFull: 5,
  append: 6,
  zero: 7,
  truncate: 8,
  create: 9,
  remove: 10,
  setXattr: 11,
  removeXattr: 12,
  assertExists: 13,
} as const;

const STEP_WORDS = 4;
const RESULT_WORDS = 3;
/** What is read without memory of its own. */
const READ_BYTES_MAX = 64 * 1024 * 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

/** The address of a buffer's first byte. */
export type AddressOf = (buffer: ArrayBufferLike) => number;

/**
 *      write, 3 pieces      ──▶ write, write, write                 librados knows no pieces
 *      write_full, 3 pieces ──▶ write_full, append, append
 *      read into 3 pieces   ──▶ read, read, read
 */
export class NativeSteps {
  readonly writes: boolean;
  /** Keeps the memory that is named by address. */
  readonly hold: object[] = [];
  /** Filled by the addon before it answers. */
  readonly out: Float64Array;
  readonly words: Float64Array;
  readonly #list: number[] = [];
  readonly #steps: readonly Step[];
  readonly #addressOf: AddressOf;
  /** By step: where its own begin. */
  readonly #starts: number[] = [];
  /** Buffers of steps that name no memory, by step. */
  readonly #own: Uint8Array[] = [];

  /** Throws ERR_DIORITE_UNSUPPORTED for steps that this driver does not have, ERR_DIORITE_DETACHED. */
  constructor(steps: readonly Step[], addressOf: AddressOf) {
    this.#steps = steps;
    this.#addressOf = addressOf;
    this.writes = steps.some(({ changes }) => changes);
    for (const [i, step] of steps.entries()) {
      this.#starts.push(this.#count);
      if (this.writes) this.#change(step);
      else this.#read(step, i);
    }
    this.#starts.push(this.#count);
    this.words = Float64Array.from(this.#list);
    this.out = new Float64Array(this.#count * RESULT_WORDS);
  }

  get #count(): number {
    return this.#list.length / STEP_WORDS;
  }

  #add(kind: number, offset = 0, length = 0, address = 0): void {
    this.#list.push(kind, offset, length, address);
  }

  #change(step: Step): void {
    const { first, second } = fieldsOf(step);
    if (step.code === code.OP_WRITE) this.#pieces(Kind.write, Kind.write, first, step);
    else if (step.code === code.OP_WRITE_FULL) this.#pieces(Kind.writeFull, Kind.append, 0, step);
    else if (step.code === code.OP_APPEND) this.#pieces(Kind.append, Kind.append, 0, step);
    else if (step.code === code.OP_ZERO) this.#add(Kind.zero, first, second);
    else if (step.code === code.OP_TRUNCATE) this.#add(Kind.truncate, first);
    else if (step.code === code.OP_CREATE) this.#add(Kind.create, 0, step.flags & code.OP_FLAG_EXCLUSIVE);
    else if (step.code === code.OP_DELETE) this.#add(Kind.remove);
    else if (step.code === code.OP_SET_XATTR) this.#xattr(Kind.setXattr, step);
    else if (step.code === code.OP_REMOVE_XATTR) this.#xattr(Kind.removeXattr, step);
    else if (step.code === code.OP_STAT) this.#add(Kind.assertExists);
    else if (step.code === code.OP_ASSERT_VERSION) this.#add(Kind.assertVersion, second);
    else throw unsupported(step, ' beside changes');
  }

  #read(step: Step, index: number): void {
    const { first, second } = fieldsOf(step);
    if (step.code === code.OP_READ)
      this.#pieces(Kind.read, Kind.read, first, { ...step, ...this.#memoryOf(step, second, index) });
    else if (step.code === code.OP_STAT) this.#add(Kind.stat);
    else if (step.code === code.OP_GET_XATTRS || step.code === code.OP_GET_XATTR) this.#add(Kind.xattrs);
    else if (step.code === code.OP_ASSERT_VERSION) this.#add(Kind.assertVersion, second);
    else throw unsupported(step, '');
  }

  #memoryOf({ memory, memoryBytes }: Step, bytes: number, index: number): Pick<Step, 'payload' | 'payloadBytes'> {
    if (memory !== null) return { payload: memory, payloadBytes: memoryBytes };
    if (bytes > READ_BYTES_MAX) throw errors.make('ERR_OUT_OF_RANGE', `A read of ${bytes} bytes names no memory`);
    const own = new Uint8Array(bytes);
    this.#own[index] = own;
    const segments = new SegmentList();
    segments.push(own.buffer, 0, bytes, false);
    return { payload: segments, payloadBytes: bytes };
  }

  #pieces(kind: number, next: number, offset: number, { payload, payloadBytes }: Step): void {
    if (payload === null || payloadBytes === 0) {
      this.#add(kind, offset);
      return;
    }
    for (let i = 0, done = 0; done < payloadBytes; i++) {
      const buffer = payload.buffer[i];
      assert(buffer !== null && buffer !== undefined, 'each segment of a payload has memory');
      const length = Math.min(payload.length[i] ?? 0, payloadBytes - done);
      const from = payload.byteOffset[i] ?? 0;
      if (from + length > buffer.byteLength) throw memoryGone('a request in flight');
      this.#add(done === 0 ? kind : next, offset + done, length, this.#address(buffer) + from);
      done += length;
    }
  }

  #address(buffer: ArrayBufferLike): number {
    if (this.hold.at(-1) !== buffer) this.hold.push(buffer);
    return this.#addressOf(buffer);
  }

  /** The head has its name, then its value. */
  #xattr(kind: number, { head, args }: Step): void {
    const nameBytes = viewOf(args).getUint32(0, true);
    const name = Uint8Array.from([...head.subarray(0, nameBytes), 0]);
    const value = Uint8Array.from(head.subarray(nameBytes));
    const valueAt = value.length === 0 ? 0 : this.#address(value.buffer);
    this.#add(kind, this.#address(name.buffer), value.length, valueAt);
  }

  /** What became of each step. `names`: as the addon gave them. */
  results(names: Uint8Array | undefined): StepResult[] {
    return this.#steps.map((step, i) => this.#resultOf(step, i, names));
  }

  #resultOf(step: Step, index: number, names: Uint8Array | undefined): StepResult {
    let result = 0;
    let bytes = 0;
    const [from = 0, to = 0] = this.#starts.slice(index, index + 2);
    for (let i = from; i < to; i++) {
      result ||= this.out[i * RESULT_WORDS] ?? 0;
      bytes += this.out[i * RESULT_WORDS + 1] ?? 0;
    }
    if (this.writes || result < 0) return { result, bytes: 0, data: NOTHING };
    if (step.code === code.OP_STAT) return kept(statOf(bytes, this.out[from * RESULT_WORDS + 2] ?? 0));
    if (step.code === code.OP_GET_XATTRS) return kept(names ?? NOTHING);
    if (step.code === code.OP_GET_XATTR) return xattrOf(step, names);
    return { result, bytes, data: (this.#own[index] ?? NOTHING).subarray(0, bytes) };
  }
}

function kept(data: Uint8Array): StepResult {
  return { result: 0, bytes: data.length, data };
}

/** As `readStat` reads it. */
function statOf(bytes: number, seconds: number): Uint8Array {
  const writer = new DencWriter(16);
  writer.size(bytes);
  writer.u32(seconds);
  writer.u32(0);
  return writer.copy();
}

function xattrOf({ head }: Step, names: Uint8Array | undefined): StepResult {
  const value = names === undefined ? undefined : readNamedValues(names).values.get(Buffer.from(head).toString());
  return value === undefined ? { result: ENODATA, bytes: 0, data: NOTHING } : kept(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The first two fields of most steps' arguments: an offset and a length. */
function fieldsOf({ args }: Step): { first: number; second: number } {
  const view = viewOf(args);
  return { first: Number(view.getBigUint64(0, true)), second: Number(view.getBigUint64(8, true)) };
}

function unsupported({ code: number }: Step, where: string): Error {
  const text = `Through librados there is no operation 0x${number.toString(16)}${where}`;
  return errors.make('ERR_DIORITE_UNSUPPORTED', text);
}
