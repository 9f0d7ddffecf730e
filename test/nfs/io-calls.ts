// READs and WRITEs of a protocol as promises, for tests: what a target does with callbacks, in one line.
import assert from 'node:assert/strict';
import { SegmentList } from '../../src/plan/request.js';
import type { Committed, IoCall, NfsOpenFile, NfsProtocol } from '../../src/targets/nfs/protocol.js';

export interface ReadOutcome {
  readonly bytes: number;
  readonly end: boolean;
  readonly copiedBytes: number;
}

export interface WriteOutcome {
  readonly bytes: number;
  readonly committed: Committed;
  readonly verifier: bigint;
}

export function segmentsOf(views: readonly Uint8Array[]): SegmentList {
  const segments = new SegmentList();
  for (const view of views) segments.push(view.buffer, view.byteOffset, view.length, false);
  return segments;
}

/** One read or write, which says how it ended, and fails where it ends twice. */
export class AwaitedIo implements IoCall {
  readonly file: NfsOpenFile;
  readonly offset: number;
  readonly bytes: number;
  readonly segments: SegmentList;
  readonly done: Promise<ReadOutcome | WriteOutcome>;
  /** Of a failure. */
  unsent: boolean | null = null;
  repeated: boolean | null = null;
  ended = false;
  #resolve: (outcome: ReadOutcome | WriteOutcome) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(file: NfsOpenFile, offset: number, views: readonly Uint8Array[]) {
    this.file = file;
    this.offset = offset;
    this.segments = segmentsOf(views);
    this.bytes = views.reduce((sum, view) => sum + view.length, 0);
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #end(): void {
    assert.equal(this.ended, false, 'a call ends once');
    this.ended = true;
  }

  readDone(bytes: number, end: boolean, copiedBytes: number): void {
    this.#end();
    this.#resolve({ bytes, end, copiedBytes });
  }

  writeDone(bytes: number, committed: Committed, verifier: bigint): void {
    this.#end();
    this.#resolve({ bytes, committed, verifier });
  }

  failed(error: Error, unsent: boolean, repeated: boolean): void {
    this.#end();
    this.unsent = unsent;
    this.repeated = repeated;
    this.#reject(error);
  }
}

export async function readOnce(
  protocol: NfsProtocol,
  file: NfsOpenFile,
  offset: number,
  ...views: Uint8Array[]
): Promise<ReadOutcome> {
  const io = new AwaitedIo(file, offset, views);
  protocol.startRead(io);
  assert.equal(io.ended, false, 'no answer before startRead returns');
  const outcome = await io.done;
  assert.ok('end' in outcome);
  return outcome;
}

export async function writeOnce(
  protocol: NfsProtocol,
  file: NfsOpenFile,
  offset: number,
  stable: Committed,
  ...views: Uint8Array[]
): Promise<WriteOutcome> {
  const io = new AwaitedIo(file, offset, views);
  protocol.startWrite(io, stable);
  assert.equal(io.ended, false, 'no answer before startWrite returns');
  const outcome = await io.done;
  assert.ok('committed' in outcome);
  return outcome;
}
