// Regions: page-aligned memory of the library's own. Native where there is an addon, resizable ArrayBuffers elsewhere.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { errors } from '../base/errors.js';
import { alignUp, PAGE_SIZE, toOffset } from '../base/integers.js';
import { type Addon, loadAddon } from './addon.js';

/** ES2024, and in every Node that this runs on: a buffer that may be resized lies on pages of its own. */
interface ResizableArrayBuffer extends ArrayBuffer {
  readonly resizable: boolean;
  resize(bytes: number): void;
}
interface ResizableArrayBufferConstructor {
  new (bytes: number, options: { maxByteLength: number }): ResizableArrayBuffer;
}

/** Every buffer over a region that is not disposed of. Weak: a region that nobody uses is collected. */
const regions = new WeakMap<ArrayBufferLike, Region>();

/**
 * What keeps a region's memory mapped, by its buffer, for as long as anyone holds the buffer object: an operation in
 * flight does, also after the region was disposed of or its buffer detached.
 */
const handles = new WeakMap<ArrayBufferLike, object>();

const goneListeners: ((buffer: ArrayBufferLike) => void)[] = [];

/** Calls back whenever a region is disposed of, before its buffer is detached: for who has pinned its pages. */
export function onRegionGone(listener: (buffer: ArrayBufferLike) => void): void {
  goneListeners.push(listener);
}

/** The region whose memory the buffer is, if it is one. */
export function regionOf(buffer: ArrayBufferLike): Region | undefined {
  return regions.get(buffer);
}

interface Memory {
  readonly buffer: ArrayBuffer;
  /** What keeps native memory mapped though the buffer is detached; the buffer itself where memory is not native. */
  readonly handle: object;
  /** Makes stale views empty. Never gives memory to another user while the kernel may write to it. */
  detach(): void;
  /** Gives the memory back at once. Only where nothing in flight can be using it. */
  unmap(): void;
}

/**
 * Page-aligned, zeroed, pre-faulted memory, its length rounded up to whole pages.
 *
 * Native regions are unmapped when both the buffer and the handle are gone: work in flight holds `handle`, and so
 * neither detaching, transferring nor collecting the buffer, nor the end of a worker, takes the memory from under it.
 */
export class Region {
  readonly length: number;
  /** What an operation in flight must keep alive. */
  readonly handle: object;
  /** Whether it is mapped by the addon. */
  readonly native: boolean;
  readonly #memory: Memory;
  readonly #bytes: Uint8Array;
  #disposed = false;

  constructor(bytes: number) {
    const asked = toOffset(bytes, 'bytes');
    if (asked === 0) throw errors.outOfRange('bytes', '> 0', bytes);
    this.length = alignUp(asked, PAGE_SIZE);
    const addon = loadAddon();
    const native = addon === null ? null : mapNative(addon, this.length);
    this.native = native !== null;
    this.#memory = native ?? allocatePortable(this.length);
    this.handle = this.#memory.handle;
    this.#bytes = new Uint8Array(this.#memory.buffer, 0, this.length);
    regions.set(this.#memory.buffer, this);
    handles.set(this.#memory.buffer, this.handle);
  }

  /** All of it, as one view. */
  get bytes(): Uint8Array {
    this.#check();
    return this.#bytes;
  }

  get buffer(): ArrayBuffer {
    this.#check();
    return this.#memory.buffer;
  }

  /** Somebody transferred the buffer: the memory went with it, and this region is of no more use. */
  get detached(): boolean {
    return this.#memory.buffer.byteLength !== this.length;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Every view on it becomes empty. The memory goes when the last operation that holds `handle` lets go. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    regions.delete(this.#memory.buffer);
    for (const gone of goneListeners) gone(this.#memory.buffer);
    if (!this.detached) this.#memory.detach();
  }

  /** As disposing, and the memory goes at once. Only for an owner who knows that no operation is using it. */
  unmap(): void {
    if (this.#disposed) return;
    this[Symbol.dispose]();
    this.#memory.unmap();
  }

  #check(): void {
    if (this.#disposed) throw errors.make('ERR_DIORITE_CLOSED', 'The region is disposed of');
  }
}

/** Null where the runtime allows no buffers over foreign memory (V8's sandbox, as in Electron). */
function mapNative(addon: Addon, bytes: number): Memory | null {
  try {
    const { buffer, handle } = addon.regionCreate(bytes);
    return { buffer, handle, detach: () => addon.regionDetach(buffer), unmap: () => addon.regionRelease(handle) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_DIORITE_NO_EXTERNAL_BUFFERS') return null;
    throw error;
  }
}

/**
 * V8 reserves the whole pages of a resizable buffer by mmap, so that it starts on a page (a plain one comes from
 * malloc and starts anywhere). That is how it is built and no promise: see portableRegionsAligned.
 */
function allocatePortable(bytes: number): Memory {
  const Resizable = ArrayBuffer as unknown as ResizableArrayBufferConstructor; // the types of ES2024 are not in lib
  const buffer = new Resizable(bytes, { maxByteLength: bytes });
  const words = new Uint8Array(buffer);
  for (let at = 0; at < bytes; at += PAGE_SIZE) words[at] = 0; // faults the page in now rather than in a transfer
  // resize(0), not a transfer: a transferred copy would be collected, and its memory reused, while a read is still
  // under way. Resizing keeps the addresses reserved and takes only the pages, so that such a read fails (EFAULT).
  return { buffer, handle: buffer, detach: () => buffer.resize(0), unmap: () => {} };
}

let portableAligned: boolean | 'unknown' | undefined;

/**
 * Whether regions made without the addon lie on page boundaries, learnt once by a direct read of the running program
 * into one: the kernel refuses misaligned memory. 'unknown' where that file system cannot do direct I/O, or takes any
 * memory.
 */
export function portableRegionsAligned(): boolean | 'unknown' {
  portableAligned ??= process.platform === 'linux' ? probePortable() : 'unknown';
  return portableAligned;
}

const PROBE_BYTES = 2 * PAGE_SIZE;

function probePortable(): boolean | 'unknown' {
  let fd: number;
  try {
    fd = openSync('/proc/self/exe', constants.O_RDONLY | constants.O_DIRECT);
  } catch {
    return 'unknown'; // no /proc, or a file system without O_DIRECT: nothing to learn from, and nothing is lost
  }
  try {
    const { buffer } = allocatePortable(PROBE_BYTES + PAGE_SIZE);
    const aligned = takesDirectRead(fd, new Uint8Array(buffer, 0, PROBE_BYTES));
    // The control: memory that is off by 16 bytes, as malloc's is. Where that is taken too, the first says nothing.
    const misaligned = takesDirectRead(fd, new Uint8Array(buffer, 16, PROBE_BYTES));
    return misaligned === true ? 'unknown' : aligned;
  } finally {
    closeSync(fd);
  }
}

function takesDirectRead(fd: number, memory: Uint8Array): boolean | 'unknown' {
  try {
    readSync(fd, memory, 0, memory.length, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EINVAL' ? false : 'unknown';
  }
}
