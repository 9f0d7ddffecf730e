// What the conformance suite asks of a target: how to get one, what it declares of itself, and a look at it from outside.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory/region.js';
import type { Direction } from '../../src/plan/limits.js';
import { Planner } from '../../src/plan/planner.js';
import { Request, type RequestOwner, type Short } from '../../src/transfer/request.js';
import { takeStaging } from '../../src/transfer/staging.js';
import type { Publishing, Target } from '../../src/transfer/target.js';

/** What a target says of itself. A behaviour that does not apply is skipped by the name of one of these. */
export interface Properties {
  readonly seekable: boolean;
  /** Its size is known at any time. */
  readonly knowsSize: boolean;
  /** A write past the end extends it. */
  readonly grows: boolean;
  readonly durable: 'answer' | 'sync' | 'never';
  /** After a sync that failed: the next one fails too, succeeds although bytes are lost, or covers them after all. */
  readonly failedSync: 'poisons' | 'loses' | 'keeps';
  /** It has a map of its holes. */
  readonly holes: boolean;
  readonly layout: boolean;
  /** An end of a write that is not aligned rewrites its block, so that an error may have touched its neighbours. */
  readonly rewritesEnds: boolean;
  readonly publishes: boolean;
  /** `durable`: the memory of a write is kept until a commit covers it, so that a transfer ends when it is durable. */
  readonly releases: 'answered' | 'durable';
}

export interface OpenOptions {
  /** What it holds at first, from offset 0 on. */
  readonly contents?: Uint8Array;
  /** Which operation fails with EIO, the sum of each kind counted from 1. */
  readonly fails?: { readonly on: Direction | 'sync'; readonly at: number };
}

export interface Opened {
  readonly target: Target;
  /** What it holds, by another way than its own: short where it ends. Of a pipe: what went in. */
  peek(offset: number, bytes: number): Promise<Uint8Array>;
}

/** Publishing, and a look at what a name stands for: null, or its bytes. */
export interface Store {
  readonly publishing: Publishing;
  look(name: string): Promise<Uint8Array | null>;
}

export interface Subject {
  readonly name: string;
  readonly properties: Properties;
  open(t: TestContext, options: OpenOptions): Promise<Opened>;
  /** `failing`: the second publication fails before its name changes. */
  store?(t: TestContext, options: { readonly failing: boolean }): Promise<Store>;
}

export type Skip = (properties: Properties) => string | null;

/** A behaviour of the contract, and what it needs of a target. */
export interface Behaviour {
  readonly name: string;
  /** The property for which it does not apply, or null. */
  readonly skip?: Skip;
  readonly run: (t: TestContext, subject: Subject) => Promise<void>;
}

/** Skips by a property's value: `unless('seekable', true)` skips what is not. */
export function unless<K extends keyof Properties>(key: K, ...values: readonly Properties[K][]): Skip {
  return (properties) => (values.includes(properties[key]) ? null : `${key}: ${properties[key]}`);
}

/** Page-aligned memory, as every target takes it. */
export function alignedMemory(bytes: number): Uint8Array {
  return new Region(Math.max(bytes, 4096)).bytes.subarray(0, bytes);
}

export function fill(bytes: Uint8Array, salt: number): Uint8Array {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + salt) & 255;
  return bytes;
}

const PATTERN_BYTES = 1 << 20;
const patterns = new Map<number, Uint8Array>();

/** As `fill` would, from what was made before. */
export function pattern(bytes: number, salt: number): Uint8Array {
  assert.ok(bytes <= PATTERN_BYTES);
  const whole = patterns.get(salt) ?? fill(new Uint8Array(PATTERN_BYTES), salt);
  patterns.set(salt, whole);
  return whole.slice(0, bytes);
}

export function assertSame(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  assert.fail(`${what}: ${actual.length} bytes of ${expected.length}, first different at ${at}`);
}

/** A multiple of all alignments at the start of the target. */
export function blockOf(target: Target): number {
  const limits = [target.limitsAt(0, 'read'), target.limitsAt(0, 'write')];
  return Math.max(4096, ...limits.map((limit) => limit.endAlignment));
}

/** The first request that the planner makes of page-aligned memory: staged only where a layout is not aligned. */
export function requestFor(target: Target, memory: Uint8Array, offset: number, direction: Direction): Request {
  const request = new Request();
  const planner = new Planner({
    iter: IovIter.ubuf(memory),
    offset,
    bytes: memory.length,
    direction,
    limitsAt: (at, way) => target.limitsAt(at, way),
    pages: hostPages(),
    layout: target.layout,
  });
  assert.ok(planner.next(request));
  if (request.stagedBytes === 0) return request;
  assert.ok(target.layout !== undefined, 'aligned memory goes as it lies');
  assert.ok(takeStaging(request));
  return request;
}

/** Owns requests, and records what happens to them. */
export class Probe implements RequestOwner {
  readonly events: string[] = [];
  readonly errors: DioriteError[] = [];
  readonly #waiting: Map<Request, () => void> = new Map();

  /** Submits; the promise resolves at the release. Null: the target is full. */
  submit(target: Target, request: Request): Promise<void> | null {
    request.begin(this);
    const before = this.events.length;
    const taken = target.submit(request);
    assert.equal(this.events.length, before, 'nothing is answered before submit returns');
    if (!taken) {
      request.takeBack();
      return null;
    }
    return new Promise((resolve) => this.#waiting.set(request, resolve));
  }

  answered(request: Request, bytes: number, short: Short): void {
    this.events.push(`answered ${bytes === request.bytes ? 'whole' : `${bytes} ${short}`}`);
  }

  failed(_request: Request, error: DioriteError): void {
    this.events.push(`failed ${error.code}`);
    this.errors.push(error);
  }

  lost(_request: Request, error: DioriteError): void {
    this.events.push(`lost ${error.code}`);
    this.errors.push(error);
  }

  released(request: Request): void {
    this.events.push('released');
    request.lease?.release();
    this.#waiting.get(request)?.();
    this.#waiting.delete(request);
  }
}

/** A target with a count of what is unanswered, and in flight until the release, and the most there ever was. */
export function counting(target: Target): {
  readonly target: Target;
  readonly most: { unanswered: number; requests: number; bytes: number };
} {
  const most = { unanswered: 0, requests: 0, bytes: 0 };
  const sent = new Set<Request>();
  const submit = (request: Request): boolean => {
    if (!target.submit(request)) return false;
    sent.add(request);
    let bytes = 0;
    let unanswered = 0;
    for (const other of sent) {
      if (other.isUnanswered) unanswered++;
      if (other.inFlight) bytes += other.bytes;
      else sent.delete(other);
    }
    most.unanswered = Math.max(most.unanswered, unanswered);
    most.requests = Math.max(most.requests, sent.size);
    most.bytes = Math.max(most.bytes, bytes);
    return true;
  };
  const watched = new Proxy(target, {
    get(real, key) {
      if (key === 'submit') return submit;
      // Private fields are those of the real one.
      const value: unknown = Reflect.get(real, key, real);
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
  return { target: watched, most };
}
