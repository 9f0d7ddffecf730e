// The memory of a group in file order: that of its entries, and between near neighbours memory that nobody looks at.
import { alignUp, PAGE_SIZE } from '../../base/integers.js';
import { Region } from '../../memory/region.js';
import type { Group } from './groups.js';

export class Gaps {
  readonly #gapBytesMax: number;
  /** All gaps of all groups are read into the same place. */
  #region: Region | null = null;
  #bytes = 0;

  constructor(gapBytesMax: number) {
    this.#gapBytesMax = gapBytesMax;
  }

  /** Read and dropped so far. */
  get bytes(): number {
    return this.#bytes;
  }

  memoryOf<E>({ items, start }: Group<E>): NodeJS.ArrayBufferView[] {
    const memory: NodeJS.ArrayBufferView[] = [];
    let at = start;
    for (const { position, bytes, views } of items) {
      if (position > at) memory.push(this.#gap(position - at));
      if (ArrayBuffer.isView(views)) memory.push(views);
      else for (const view of views) memory.push(view);
      at = position + bytes;
    }
    return memory;
  }

  #gap(bytes: number): NodeJS.ArrayBufferView {
    this.#region ??= new Region(alignUp(this.#gapBytesMax, PAGE_SIZE));
    this.#bytes += bytes;
    return this.#region.bytes.subarray(0, bytes);
  }

  /** When nothing is in flight any more. */
  dispose(): void {
    this.#region?.[Symbol.dispose]();
    this.#region = null;
  }
}
