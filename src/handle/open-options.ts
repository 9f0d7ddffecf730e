// What open() may be asked, whatever the target.
import type { IoOption } from '../transfer/file-like.js';

export interface OpenOptions {
  /** Permission bits of a file that is created, as Node's `mode`. Default 0o666, less the umask. */
  readonly mode?: number | string | undefined;
  /**
   * `direct`: past the page cache, or an error; unaligned ends are read, changed and written back, so nobody else may
   * write the blocks they lie in. `prefer-direct` (the default): direct where it can be had, unaligned ends through the
   * page cache. `drop-behind`: buffered, written back and evicted at once. `buffered`: as node:fs.
   */
  readonly io?: IoOption | undefined;
  /** `auto` (the default): io_uring where it can be had, else a pool of threads. */
  readonly engine?: 'auto' | 'uring' | 'threads' | undefined;
  /** The most requests in flight of one read or write. Default: found from the device, and adapted while they run. */
  readonly depth?: number | undefined;
  /** The most bytes in flight of one read or write. Default 32 MiB. */
  readonly bytesInFlight?: number | undefined;
  /**
   * How large a request is made, in bytes, where the memory allows. A power of two, 4 KiB to 32 MiB. Default: 1 MiB;
   * long reads and writes begin with up to 4 MiB and adapt it while they run: `chosen` of their results says what it came
   * to, and why.
   */
  readonly requestBytes?: number | undefined;
}
