// Pipes of a test's own, who is at their other end, and an engine whose N-th step fails.
import assert from 'node:assert/strict';
import { closeSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { loadAddon } from '../../src/memory/addon.js';
import { type Engine, Op, type Operation } from '../../src/targets/file/engines/engine.js';

export interface Ends {
  readonly reads: number;
  readonly writes: number;
}

/** An anonymous pipe; what of it a test has not closed itself is closed after it. */
export class TestPipe implements Ends {
  readonly reads: number;
  readonly writes: number;
  readonly #open: Set<number>;

  constructor(t: TestContext, bytes = 0) {
    const out = new Int32Array(2);
    assert.equal(loadAddon()?.pipeCreate(out), 0);
    this.reads = out[0] ?? -1;
    this.writes = out[1] ?? -1;
    this.#open = new Set([this.reads, this.writes]);
    if (bytes > 0) assert.ok((loadAddon()?.pipeSize(this.writes, bytes) ?? -1) >= bytes);
    t.after(() => {
      for (const fd of this.#open) closeSync(fd);
      this.#open.clear();
    });
  }

  close(which: 'reads' | 'writes'): void {
    if (this.#open.delete(this[which])) closeSync(this[which]);
  }

  get isClosed(): boolean {
    return this.#open.size < 2;
  }

  /** How many bytes it holds. */
  get waiting(): number {
    const waiting = loadAddon()?.bytesWaiting(this.reads) ?? -1;
    assert.ok(waiting >= 0);
    return waiting;
  }

  /** All that it holds now. */
  drain(): Buffer {
    const bytes = Buffer.alloc(this.waiting);
    let at = 0;
    while (at < bytes.length) at += readSync(this.reads, bytes, at, bytes.length - at, null);
    return bytes;
  }

  /** Puts bytes in. They must fit: a test that waits for itself would wait for ever. */
  put(bytes: Uint8Array): void {
    assert.equal(writeSync(this.writes, bytes), bytes.length);
  }
}

export function patternBytes(length: number, salt = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16) * 13 + salt) & 255;
  return bytes;
}

/** O_NONBLOCK and the rest, as the kernel has them for the description. */
export function flagsOf(fd: number): number {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  assert.ok(flags !== undefined);
  return Number.parseInt(flags, 8);
}

export type StepFault = { readonly result: number } | { readonly onlyBytes: number };

/** Carries out everything but what `judge` has another answer for. Counts what it was asked. */
export class StepEngine implements Engine {
  readonly name: 'uring' | 'threads';
  readonly addresses: boolean;
  readonly maxSegments: number;
  readonly depth: number;
  steps = 0;
  readonly #real: Engine;
  readonly #judge: (operation: Operation, step: number) => StepFault | undefined;

  constructor(real: Engine, judge: (operation: Operation, step: number) => StepFault | undefined = () => undefined) {
    this.#real = real;
    this.#judge = judge;
    this.name = real.name;
    this.addresses = real.addresses;
    this.maxSegments = real.maxSegments;
    this.depth = real.depth;
  }

  /** Not of many splices in one job: each is a step, and may fail. */
  supports(op: Op, flags?: number): boolean {
    if (op === Op.PUMP) return false;
    return flags === undefined ? this.#real.supports(op) : this.#real.supports(op, flags);
  }

  submit(operation: Operation): boolean {
    const fault = this.#judge(operation, ++this.steps);
    if (fault === undefined) return this.#real.submit(operation);
    if ('result' in fault) {
      setImmediate(() => operation.complete(fault.result));
      return true;
    }
    return this.#real.submit(shortened(operation, fault.onlyBytes));
  }

  onceDrained(callback: () => void): void {
    this.#real.onceDrained(callback);
  }
}

/** As though the kernel had moved no more than `bytes` of it. */
function shortened(operation: Operation, bytes: number): Operation {
  const { op, fd, offset, flags, buffered, segments, from = -1, onPool = false } = operation;
  const length = Math.min(bytes, operation.length);
  const complete = (result: number): void => operation.complete(result);
  let cut = segments;
  if (segments !== null) {
    cut = Object.create(segments) as typeof segments;
    cut.count = 1;
    Object.defineProperty(cut, 'length', { value: [Math.min(length, segments.length[0] ?? 0)] });
  }
  return { op, fd, offset, length, flags, buffered, segments: cut, from, onPool, complete };
}
