// Regions that the kernel has pinned once and for all: small requests to and from them spare it the pinning of each.
//
// Measured on Linux 6.18, XFS on zram, 4 KiB reads, fio with and without: 0.3 µs of 2.9 µs a read, 11 to 12 %. On a disk:
// nothing that shows. Vectors of 128 × 8 KiB within one region, which Linux 6.15 takes: 1.16 × the MiB/s of a read on zram,
// 1.04 × of a write. Registered files, in the same runs: nothing, 0.90 to 1.01 ×; so there are none, and a descriptor
// that is closed can never be met again through a table.
import { assert } from '../../../base/assert.js';
import type { NativeRing } from '../../../memory/addon.js';
import { onRegionGone, regionOf } from '../../../memory/region.js';
import type { AddressOf } from './iovecs.js';
import { pinnableBytes } from './memlock.js';

/** Entries of the table. */
const SLOTS = 64;
/** Pinning a region takes the time that so many requests win: it is for regions that are used again and again. */
const USES_BEFORE = 512;
/** Pinning holds the event loop: about 10 µs per MiB on huge pages and 100 on small ones (measured). */
const REGION_BYTES_MAX = 32 * 1024 * 1024;
const BYTES_MAX = 256 * 1024 * 1024;

/** What is known of a buffer. */
export interface Entry {
  /** Its address while it is not detached, which who asks must look at; NaN: not known. */
  readonly address: number;
  /** Of the kernel's table; −1: not registered. */
  slot: number;
  /** Pieces of requests so far, until it is decided. */
  uses: number;
}

export type BufferTable = Pick<NativeRing, 'buffers' | 'setBuffer'>;

/**
 *      unknown ─ first use ─▶ counted ─ USES_BEFORE uses ─▶ registered ─ disposed of, collected ─▶ empty
 *                   │             ▲── no room: counted anew ──┘
 *                   └─ not ours, or too large ─▶ never
 */
export class RegisteredBuffers {
  readonly #table: BufferTable;
  readonly #addressOf: AddressOf;
  /** Something that names an entry may wait to be submitted: it must not be emptied, or filled anew, until then. */
  readonly #isQueued: () => boolean;
  readonly #entries: WeakMap<ArrayBufferLike, Entry> = new WeakMap();
  readonly #free: number[] = [];
  readonly #bytesOf: Float64Array = new Float64Array(SLOTS);
  readonly #leaving: number[] = [];
  readonly #collected: FinalizationRegistry<Entry> = new FinalizationRegistry((entry) => this.#leave(entry));
  #bytes = 0;
  #bytesMax = -1;
  #scheduled = false;

  constructor(table: BufferTable, addressOf: AddressOf, isQueued: () => boolean) {
    this.#table = table;
    this.#addressOf = addressOf;
    this.#isQueued = isQueued;
    onRegionGone((buffer) => this.#forget(buffer));
  }

  /** Bytes that are pinned now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of a buffer that so many pieces of a request are about to use: counts them. It answers what two lookups would. */
  use(buffer: ArrayBufferLike, pieces = 1): Entry {
    const entry = this.#entries.get(buffer) ?? this.#meet(buffer);
    if (entry.slot < 0 && entry.uses < USES_BEFORE) {
      entry.uses = Math.min(USES_BEFORE, entry.uses + pieces);
      if (entry.uses === USES_BEFORE) this.#register(buffer, entry);
    }
    return entry;
  }

  #meet(buffer: ArrayBufferLike): Entry {
    // Memory that is not ours may be mapped anew under its address.
    const isOurs = regionOf(buffer)?.native === true && buffer.byteLength <= REGION_BYTES_MAX;
    const entry = { address: this.#addressOf(buffer), slot: -1, uses: isOurs ? 0 : USES_BEFORE };
    this.#entries.set(buffer, entry);
    return entry;
  }

  #register(buffer: ArrayBufferLike, entry: Entry): void {
    if (this.#bytesMax < 0) this.#open();
    const slot = this.#free.at(-1);
    if (slot === undefined || this.#bytes + buffer.byteLength > this.#bytesMax) {
      entry.uses = 0; // others may have left when it has been used as often again
      return;
    }
    // A region's memory is an ArrayBuffer, never a shared one.
    const result = this.#table.setBuffer(slot, buffer as ArrayBuffer);
    if (result < 0) {
      // ENOMEM: others have pinned what there was. No more than this, then.
      this.#bytesMax = this.#bytes;
      entry.uses = 0;
      return;
    }
    this.#free.pop();
    entry.slot = slot;
    this.#bytesOf[slot] = buffer.byteLength;
    this.#bytes += buffer.byteLength;
    this.#collected.register(buffer, entry, entry);
  }

  #open(): void {
    this.#bytesMax = 0;
    // EINVAL before Linux 5.19: nothing is registered then.
    if (this.#table.buffers(SLOTS) < 0) return;
    this.#bytesMax = Math.min(BYTES_MAX, pinnableBytes());
    for (let slot = SLOTS - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  #forget(buffer: ArrayBufferLike): void {
    const entry = this.#entries.get(buffer);
    this.#entries.delete(buffer);
    if (entry === undefined || entry.slot < 0) return;
    this.#collected.unregister(entry);
    this.#leave(entry);
  }

  #leave(entry: Entry): void {
    assert(entry.slot >= 0, 'only what is registered leaves');
    this.#leaving.push(entry.slot);
    entry.slot = -1;
    entry.uses = USES_BEFORE;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not worth keeping a program alive for: what is pinned goes with the ring.
    setImmediate(this.#empty).unref();
  }

  readonly #empty = (): void => {
    this.#scheduled = false;
    if (this.#isQueued()) return this.#schedule();
    for (const slot of this.#leaving.splice(0)) {
      // Cannot fail of a slot that is there; if it did, the slot would stay pinned and unused.
      if (this.#table.setBuffer(slot, null) < 0) continue;
      this.#bytes -= this.#bytesOf[slot] as number;
      this.#free.push(slot);
    }
  };
}
