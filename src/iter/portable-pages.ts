// A PageSource for where there are no addresses to be had, as in a browser: each ArrayBuffer starts a page.
import { BufferPages } from '../base/buffer-pages.js';

export class PortablePages extends BufferPages {
  constructor() {
    super(() => ({ address: Number.NaN, inPage: 0 }));
  }
}
