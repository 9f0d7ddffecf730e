// What a writer gathers: one lease at a time, filled from where the target's blocks meet the memory's.
import { assert } from '../base/assert.js';
import { type Lease, Pool } from '../memory/pool.js';

/** A pool of the streams' own: leases that a caller keeps cannot starve one, nor can a stream starve a transfer. */
const POOL_BYTES_MAX = 128 * 1024 * 1024;

let pool: Pool | undefined;

export function streamPool(): Pool {
  pool ??= new Pool({ bytesMax: POOL_BYTES_MAX });
  return pool;
}

const NOTHING = new Uint8Array(0);

/**
 * Bytes `from` … `at` of the lease are filled, up to `capacity`. Without a lease all are 0: nothing fits. The fields are
 * open because a chunk of 1 KiB takes less time to copy than a call takes to make.
 */
export class Gather {
  lease: Lease | null = null;
  bytes: Uint8Array = NOTHING;
  from = 0;
  at = 0;
  capacity = 0;

  get length(): number {
    return this.at - this.from;
  }

  get room(): number {
    return this.capacity - this.at;
  }

  open(lease: Lease, from: number, capacity: number): void {
    assert(this.lease === null && from < capacity && capacity <= lease.length, 'a gather begins within its lease');
    this.lease = lease;
    this.bytes = lease.bytes;
    this.from = from;
    this.at = from;
    this.capacity = capacity;
  }

  /** Copies what fits of the chunk from byte `chunkAt` on; returns how many bytes that were. */
  copy(chunk: Uint8Array, chunkAt: number): number {
    const bytes = Math.min(chunk.byteLength - chunkAt, this.room);
    this.bytes.set(bytes === chunk.byteLength ? chunk : chunk.subarray(chunkAt, chunkAt + bytes), this.at);
    this.at += bytes;
    return bytes;
  }

  /** What was gathered, and the lease, which is the caller's to release now. */
  takeOut(): { readonly view: Uint8Array; readonly lease: Lease } {
    const { lease } = this;
    assert(lease !== null && this.length > 0, 'something was gathered');
    const view = this.bytes.subarray(this.from, this.at);
    this.#forget();
    return { view, lease };
  }

  /** Returns how many bytes that were. */
  drop(): number {
    const { length } = this;
    this.lease?.release();
    this.#forget();
    return length;
  }

  #forget(): void {
    this.lease = null;
    this.bytes = NOTHING;
    this.from = 0;
    this.at = 0;
    this.capacity = 0;
  }
}
