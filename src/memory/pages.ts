// The host's PageSource: page numbers for any ArrayBuffer, real addresses from the addon, counted pins.
import { isSharedArrayBuffer } from 'node:util/types';
import { BufferPages } from '../base/buffer-pages.js';
import { PAGE_SIZE } from '../base/integers.js';
import { loadAddon } from './addon.js';
import { portableRegionsAligned, regionOf } from './region.js';

let host: HostPages | undefined;

/** This isolate's. */
export function hostPages(): HostPages {
  host ??= new HostPages();
  return host;
}

/**
 * Addresses are known of every buffer but, without the addon, those that are not the library's own, and of resizable and
 * shared ones that are not, which somebody may shrink or rewrite while the kernel uses them.
 */
export class HostPages extends BufferPages {
  constructor() {
    super((buffer) => {
      const address = addressIn(buffer);
      return { address, inPage: Number.isNaN(address) ? inPageOfPortable(buffer) : address % PAGE_SIZE };
    });
  }
}

function mayChange(buffer: ArrayBufferLike): boolean {
  // ES2024: in every Node that this runs on, not in the types.
  return isSharedArrayBuffer(buffer) || ('resizable' in buffer && buffer.resizable === true);
}

function addressIn(buffer: ArrayBufferLike): number {
  const addon = loadAddon();
  if (addon === null) return Number.NaN;
  if (mayChange(buffer) && regionOf(buffer) === undefined) return Number.NaN;
  return addon.addressOf(buffer);
}

/** Without addresses, only the library's own regions are known to start a page. */
function inPageOfPortable(buffer: ArrayBufferLike): number {
  return regionOf(buffer) !== undefined && portableRegionsAligned() !== false ? 0 : -1;
}
