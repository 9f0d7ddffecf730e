// file.readableWebStream(): a byte stream. Its own readers get chunks that were read ahead; BYOB readers fill their memory.
import type { ReadableByteStreamController, ReadableStreamBYOBRequest, UnderlyingByteSource } from 'node:stream/web';
import { errors } from '../base/errors.js';
import { IovIter } from '../iter/iov-iter.js';
import { onAbort } from '../transfer/abort.js';
import { onceTransfer, type StreamHost } from './host.js';
import type { StreamSettings } from './options.js';
import { ReadAhead } from './read-ahead.js';

export function readableWebStream(host: StreamHost, settings: StreamSettings): ReadableStream<Uint8Array> {
  const source: UnderlyingByteSource = new FileSource(host, settings);
  return new ReadableStream(source);
}

class FileSource implements UnderlyingByteSource {
  readonly type = 'bytes';
  readonly #host: StreamHost;
  readonly #autoClose: boolean;
  readonly #leave: () => void;
  readonly #forgetSignal: (() => void) | null;
  /** How much may still be read into the memory of BYOB readers. */
  #left: number;
  /** Where the next BYOB read begins; null: at the handle's own position. */
  #position: number | null;
  /** From the first read without memory of the caller's on. */
  #ahead: ReadAhead | null = null;
  /** Of a chunk that was read ahead, and did not fit into a BYOB reader's memory. */
  #rest: Uint8Array | null = null;
  #controller: ReadableByteStreamController | null = null;
  /** Into a BYOB reader's memory. */
  #reading: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(host: StreamHost, { start, end, autoClose, signal }: StreamSettings) {
    this.#host = host;
    this.#autoClose = autoClose;
    this.#position = start;
    this.#left = start === null ? end : end - start;
    this.#leave = host.join(() => this.#fail(closed(host)));
    this.#forgetSignal =
      signal === undefined || signal.aborted ? null : onAbort(signal, () => this.#fail(errors.aborted(signal.reason)));
    if (signal?.aborted === true) queueMicrotask(() => this.#fail(errors.aborted(signal.reason)));
  }

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    const request = controller.byobRequest;
    try {
      if (request?.view == null) await this.#pullChunk(controller);
      else await this.#pullInto(controller, request, request.view);
    } catch (error) {
      if (this.#over) return; // cancelled or failed meanwhile: the stream has its end already
      await this.#finish();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    await this.#finish();
  }

  async #pullChunk(controller: ReadableByteStreamController): Promise<void> {
    const chunk = this.#rest ?? (await this.#next());
    this.#rest = null;
    if (this.#over) return;
    if (chunk === null) await this.#ended(controller);
    else controller.enqueue(chunk);
  }

  async #pullInto(
    controller: ReadableByteStreamController,
    request: ReadableStreamBYOBRequest,
    view: ArrayBufferView,
  ): Promise<void> {
    const into = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const bytes = this.#ahead === null ? await this.#readInto(into) : await this.#copyInto(into);
    if (this.#over) return;
    if (bytes === 0) await this.#ended(controller);
    request.respond(bytes);
  }

  /** Straight into the caller's memory. 0: the data has ended. */
  async #readInto(into: Uint8Array): Promise<number> {
    const bytes = Math.min(into.byteLength, this.#left);
    if (bytes === 0) return 0;
    const from = await this.#take(bytes);
    const partial = !this.#host.target.seekable;
    const read = onceTransfer(this.#host, IovIter.ubuf(into.subarray(0, bytes)), from, 'read', { partial });
    this.#reading = read;
    const { bytes: got } = await read;
    this.#left -= got;
    if (this.#position === null) this.#host.giveBack(from + bytes, from + got);
    else this.#position += got;
    return got;
  }

  #take(bytes: number): Promise<number> | number {
    if (this.#position !== null) return this.#position;
    return new Promise((resolve) => this.#host.take(bytes, resolve));
  }

  async #copyInto(into: Uint8Array): Promise<number> {
    const chunk = this.#rest ?? (await this.#next());
    this.#rest = null;
    if (chunk === null) return 0;
    const bytes = Math.min(chunk.byteLength, into.byteLength);
    into.set(chunk.subarray(0, bytes));
    if (bytes < chunk.byteLength) this.#rest = chunk.subarray(bytes);
    return bytes;
  }

  #next(): Promise<Uint8Array | null> {
    const ahead = this.#ahead ?? new ReadAhead(this.#host, this.#position, (this.#position ?? 0) + this.#left);
    this.#ahead = ahead;
    return new Promise((resolve, reject) => {
      ahead.next((error, chunk) => (error === null ? resolve(chunk) : reject(error)));
    });
  }

  async #ended(controller: ReadableByteStreamController): Promise<void> {
    await this.#finish();
    controller.close();
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#controller?.error(error);
    this.#finish().catch(() => {}); // closing failed as well: the stream has its error
  }

  /** Waits for what is in flight. */
  async #finish(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#forgetSignal?.();
    await this.#reading.catch(() => {}); // whoever asked for it has the error
    const ahead = this.#ahead;
    if (ahead !== null) await new Promise<void>((resolve) => ahead.stop(resolve));
    this.#leave();
    if (this.#autoClose) await this.#host.close();
  }
}

function closed({ target }: StreamHost): Error {
  return errors.make('ERR_DIORITE_CLOSED', `${target.name}: closed before its stream was read`, { path: target.name });
}
