// Memory for chunks that are handed out: page-aligned, fresh each time, collected when its consumer lets go of it.
import { PAGE_SIZE } from '../base/integers.js';
import { loadAddon } from '../memory/addon.js';
import { hostPages } from '../memory/pages.js';
import { Region } from '../memory/region.js';

/**
 * `bytes` of memory whose first byte lies `skew` bytes into a page, so that blocks of the file lie on blocks of memory.
 * Nobody can know when the consumer of a stream is done with a chunk, so it is never used again: it is ordinary memory
 * of the garbage collector's, which knows. malloc gives the same pages again, and does not clear them.
 */
export function chunkMemory(bytes: number, skew: number): Buffer {
  if (loadAddon() === null) {
    // Addresses are not known: only a region begins a page.
    const region = new Region(skew + bytes);
    return Buffer.from(region.buffer, skew, bytes);
  }
  const memory = Buffer.allocUnsafeSlow(bytes + 2 * PAGE_SIZE);
  const begin = (PAGE_SIZE - hostPages().offsetInPage(memory.buffer)) % PAGE_SIZE;
  return memory.subarray(begin + skew, begin + skew + bytes);
}
