// Calls for tests of the RPC layer: what became of them is kept, and a second answer is a failure.
import assert from 'node:assert/strict';
import type { DioriteError } from '../../src/base/errors.js';
import { SegmentList } from '../../src/plan/request.js';
import type { PayloadPlace, ReplySink, RpcCall } from '../../src/targets/nfs/rpc/call.js';
import { XdrError, type XdrReader } from '../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../src/targets/nfs/xdr/writer.js';

export interface Answer {
  /** What the reader held, in hex. */
  readonly results: string;
  readonly resent: boolean;
  readonly payloadBytes: number;
}

/** Segments of these lengths in one buffer, a byte of 0xee before, between and behind them. */
export function guardedSegments(lengths: readonly number[]): SegmentList {
  const total = lengths.reduce((sum, length) => sum + length + 1, 1);
  const memory = new Uint8Array(total).fill(0xee);
  const segments = new SegmentList();
  let at = 1;
  for (const length of lengths) {
    segments.push(memory.buffer, at, length, false);
    memory.fill(0, at, at + length);
    at += length + 1;
  }
  return segments;
}

/** The memory of the segments, one after the other; asserts that the guards around it are whole. */
export function gathered(segments: SegmentList): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i];
    assert.ok(buffer instanceof ArrayBuffer);
    const from = segments.byteOffset[i] ?? 0;
    const length = segments.length[i] ?? 0;
    const memory = Buffer.from(buffer);
    assert.equal(memory[from - 1], 0xee);
    assert.equal(memory[from + length], 0xee);
    parts.push(memory.subarray(from, from + length));
  }
  return Buffer.concat(parts);
}

/** Results that begin with a status; 0: a word, then the payload as an opaque, then whatever follows. */
export class TestSink implements ReplySink {
  readonly segments: SegmentList;
  readonly bytes: number;
  readonly headerBytes = 12;
  /** Words between the length and the payload, which `headerBytes` has forgotten. */
  gapBytes = 0;
  copiedBytes = 0;

  constructor(lengths: readonly number[]) {
    this.segments = guardedSegments(lengths);
    this.bytes = lengths.reduce((sum, length) => sum + length, 0);
  }

  locate(head: XdrReader): PayloadPlace | null {
    if (head.u32() !== 0) return null;
    head.u32();
    return { start: 12 + this.gapBytes, length: head.u32() };
  }
}

export class TestCall implements RpcCall {
  readonly program = 100003;
  readonly version = 3;
  readonly procedure = 1;
  readonly sink: TestSink | null;
  readonly once: boolean;
  readonly write: (xdr: XdrWriter) => void;
  encodes = 0;
  answer: Answer | null = null;
  error: DioriteError | null = null;
  unsent = false;
  /** Thrown when the answer is there. */
  refuses: Error | null = null;
  onSettled: () => void = () => {};
  readonly done: Promise<void>;

  constructor(
    options: {
      readonly write?: (xdr: XdrWriter) => void;
      readonly sink?: TestSink;
      readonly refuses?: Error;
      readonly once?: boolean;
    } = {},
  ) {
    this.sink = options.sink ?? null;
    this.write = options.write ?? (() => {});
    this.refuses = options.refuses ?? null;
    this.once = options.once ?? false;
    this.done = new Promise((resolve) => {
      this.onSettled = resolve;
    });
  }

  get settled(): boolean {
    return this.answer !== null || this.error !== null;
  }

  encode(xdr: XdrWriter): void {
    assert.equal(this.settled, false, 'a call that was answered is not sent');
    this.encodes++;
    this.write(xdr);
  }

  replied(xdr: XdrReader, resent: boolean, payloadBytes: number): void {
    assert.equal(this.settled, false, 'a call is answered once');
    if (this.refuses !== null) throw this.refuses;
    const results = Buffer.from(xdr.fixed(xdr.remaining - (xdr.remaining % 4))).toString('hex');
    this.answer = { results, resent, payloadBytes };
    this.onSettled();
  }

  failed(error: DioriteError, unsent: boolean): void {
    assert.equal(this.settled, false, 'a call is answered once');
    this.error = error;
    this.unsent = unsent;
    this.onSettled();
  }
}

export const MALFORMED: Error = new XdrError('the test says so');
