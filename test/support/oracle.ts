// The naive oracle: a transfer as plain byte arrays, and what its ledger may say of them.
import assert from 'node:assert/strict';
import type { Extent, ExtentState } from '../../src/base/errors.js';
import type { Direction } from '../../src/plan/limits.js';
import type { SimEvent } from '../../src/targets/sim/index.js';

/** One byte of state per byte of the window. */
const NEVER_SENT = 0;
const DONE = 1;
const UNKNOWN = 2;
/** Sent and not moved because the data ended: the ledger may call it failed or unknown. */
const ENDED = 3;

const LEDGER_STATE: Record<ExtentState, number> = { failed: NEVER_SENT, done: DONE, unknown: UNKNOWN };

/**
 * What is known of every byte, by what the target has answered, one event after the other. Nothing is derived from the
 * transfer's own bookkeeping. The window is wider than the range: a rewrite may touch its neighbours.
 */
export class AnswerModel {
  readonly #windowOffset: number;
  readonly #states: Uint8Array;
  readonly #hasEffect: (code: string) => boolean;
  readonly #sizeNow: () => number;
  /** What is sent and not said to be done: a target that is consumed in order has not moved it. */
  readonly #behindShort: number;

  constructor(
    windowOffset: number,
    windowBytes: number,
    hasEffect: (code: string) => boolean,
    sizeNow: () => number,
    seekable: boolean,
  ) {
    this.#windowOffset = windowOffset;
    this.#states = new Uint8Array(windowBytes);
    this.#hasEffect = hasEffect;
    this.#sizeNow = sizeNow;
    this.#behindShort = seekable ? UNKNOWN : NEVER_SENT;
  }

  tell(event: SimEvent): void {
    if (event.kind === 'failed' && this.#hasEffect(event.code)) this.#failed(event);
    if (event.kind !== 'answered') return;
    let left = Math.max(0, event.result - event.headPadBytes);
    for (const { offset, bytes } of event.payload) {
      const reached = offset + Math.min(bytes, left);
      left = Math.max(0, left - bytes);
      this.#fill(DONE, offset, reached);
      if (event.short === 'continue') this.#fill(this.#behindShort, reached, offset + bytes);
      else if (event.short === 'end') this.#fill(ENDED, reached, offset + bytes);
      else {
        // A hole reads as zeros up to the size.
        const zerosTo = Math.max(reached, Math.min(offset + bytes, this.#sizeNow()));
        this.#fill(DONE, reached, zerosTo);
        this.#fill(ENDED, zerosTo, offset + bytes);
      }
    }
  }

  #failed(event: SimEvent): void {
    if (event.unit === '') this.#fill(UNKNOWN, event.touchedOffset, event.touchedOffset + event.touchedBytes);
    else for (const { offset, bytes } of event.payload) this.#fill(UNKNOWN, offset, offset + bytes);
  }

  /** The unbroken run of done bytes of the range. */
  doneFrom(offset: number, bytes: number): number {
    const from = offset - this.#windowOffset;
    const range = this.#states.subarray(from, from + bytes);
    let done = 0;
    while (done < bytes && range[done] === DONE) done++;
    return done;
  }

  /** The ledger says of every byte what the answers say; of those outside of the range, only what is unknown. */
  checkLedger(extents: readonly Extent[], offset: number, bytes: number, direction: Direction): void {
    const told = new Uint8Array(this.#states.length);
    for (const extent of extents) {
      const from = extent.offset - this.#windowOffset;
      told.fill(LEDGER_STATE[extent.state], from, from + extent.length);
    }
    if (Buffer.compare(told, this.#states) === 0) return;
    const rangeFrom = offset - this.#windowOffset;
    for (let i = 0; i < told.length; i++) {
      const known = this.#states[i];
      if (told[i] === known || (known === ENDED && told[i] !== DONE)) continue;
      const isOutside = i < rangeFrom || i >= rangeFrom + bytes;
      // The padding of a widened read is nobody's byte.
      if (isOutside && told[i] === NEVER_SENT && (direction === 'read' || known !== UNKNOWN)) continue;
      assert.fail(`byte ${i + this.#windowOffset} is told as ${nameOf(told[i])} and is ${nameOf(known)}`);
    }
  }

  #fill(state: number, offset: number, end: number): void {
    this.#states.fill(state, Math.max(0, offset - this.#windowOffset), Math.max(0, end - this.#windowOffset));
  }
}

function nameOf(state: number | undefined): string {
  return ['never sent', 'done', 'unknown', 'after the end'][state ?? -1] ?? String(state);
}

/** Sorted, none empty, no gap, no overlap, neighbours differ, and the range is covered. */
export function checkExtents(extents: readonly Extent[], offset: number, bytes: number): void {
  const first = extents[0];
  const last = extents.at(-1);
  if (bytes === 0) return;
  assert.ok(first !== undefined && last !== undefined, 'a ledger has an extent');
  assert.ok(first.offset <= offset && last.offset + last.length >= offset + bytes, 'the ledger covers the range');
  for (const [i, extent] of extents.entries()) {
    assert.ok(extent.length > 0, 'no extent is empty');
    const next = extents[i + 1];
    if (next === undefined) continue;
    assert.equal(extent.offset + extent.length, next.offset, 'extents meet');
    assert.notEqual(extent.state, next.state, 'neighbours of one state are one extent');
  }
}

export interface Picture {
  readonly direction: Direction;
  readonly offset: number;
  readonly bytes: number;
  readonly extents: readonly Extent[];
  /** What is written to, and how it was before: the target's bytes of the range, or the memory. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** What the done bytes must be: the memory of a write, the target's bytes for a read. */
  readonly source: Uint8Array;
}

/** `done` bytes are new, `failed` bytes are old, `unknown` ones, of a write, are one or the other. */
export function checkBytes(picture: Picture): void {
  const { offset, bytes, before, after, source } = picture;
  for (const extent of picture.extents) {
    const from = Math.max(0, extent.offset - offset);
    const to = Math.min(bytes, extent.offset + extent.length - offset);
    if (extent.state === 'done') checkSame(after, source, from, to, 'a done byte is new');
    else if (extent.state === 'failed') checkSame(after, before, from, to, 'a failed byte is old');
    else
      for (let i = from; i < to; i++)
        if (after[i] !== before[i] && after[i] !== source[i]) assert.fail(`byte ${i} is neither old nor new`);
  }
}

export function checkSame(actual: Uint8Array, expected: Uint8Array, from: number, to: number, what: string): void {
  if (to <= from || Buffer.compare(actual.subarray(from, to), expected.subarray(from, to)) === 0) return;
  let i = from;
  while (actual[i] === expected[i]) i++;
  assert.fail(`${what}: byte ${i} of the range is ${actual[i]}, not ${expected[i]}`);
}
