// file.createReadStream(): Node's Readable over read-ahead.
import { addAbortSignal, Readable } from 'node:stream';
import type { StreamHost } from './host.js';
import type { StreamSettings } from './options.js';
import { ReadAhead } from './read-ahead.js';

/**
 * What `file.createReadStream()` gives: chunks in the order of the file, read ahead by several full requests.
 *
 * A chunk's memory is fresh and page-aligned, and its consumer's for good: it is never used again, and collected when
 * nobody holds it. (Chunks cut smaller by `highWaterMark` share the memory of a request.) Until then a fast reader leaves
 * some 100 MB behind; who wants none reads into memory of his own: `read`, or a BYOB reader of `readableWebStream`.
 */
export class ReadStream extends Readable {
  /** Path or URL of the file. */
  readonly path: string;
  readonly autoClose: boolean;
  /** False: the file is open, always. */
  readonly pending: boolean = false;
  readonly #host: StreamHost;
  readonly #ahead: ReadAhead;
  readonly #leave: () => void;
  /** The most bytes of a chunk. */
  readonly #chunkBytes: number;
  /** What is left of the last read. */
  #rest: Buffer | null = null;
  #bytesRead = 0;

  constructor(host: StreamHost, settings: StreamSettings) {
    const { start, end, autoClose, emitClose, encoding, signal } = settings;
    const highWaterMark = settings.highWaterMark ?? host.target.limitsAt(start ?? 0, 'read').bestBytes;
    super({ highWaterMark, autoDestroy: autoClose, emitClose, ...(encoding === undefined ? {} : { encoding }) });
    this.path = host.target.name;
    this.autoClose = autoClose;
    this.#host = host;
    this.#chunkBytes = Math.max(1, highWaterMark);
    this.#ahead = new ReadAhead(host, start, end);
    this.#leave = host.join(() => void this.destroy());
    // Last: a signal that was aborted before destroys the stream at once.
    if (signal !== undefined) addAbortSignal(signal, this);
  }

  /** As Node's; −1 when the file is closed or has none. */
  get fd(): number {
    return this.#host.target.fd;
  }

  /** Handed to the stream's buffer so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Destroys the stream and calls back when it is closed. */
  close(callback?: (error?: Error | null) => void): void {
    if (callback !== undefined) {
      if (this.closed) process.nextTick(callback);
      else this.once('close', callback);
    }
    this.destroy();
  }

  /** As of WriteStream. */
  override _construct(callback: (error?: Error | null) => void): void {
    callback();
  }

  /** Never pushes before it returns: Readable would join what it has to one chunk, which is a copy. */
  override _read(): void {
    process.nextTick(this.#readNext);
  }

  readonly #readNext = (): void => {
    if (this.destroyed) return;
    if (this.#rest !== null) this.#pushRest(this.#rest);
    else this.#ahead.next(this.#got);
  };

  readonly #got = (error: unknown, chunk: Buffer | null): void => {
    if (error !== null) this.destroy(error instanceof Error ? error : new Error(String(error)));
    else if (chunk === null) this.#ended();
    else this.#pushRest(chunk);
  };

  #pushRest(rest: Buffer): void {
    const bytes = Math.min(rest.byteLength, this.#chunkBytes);
    this.#rest = bytes === rest.byteLength ? null : rest.subarray(bytes);
    this.#bytesRead += bytes;
    this.push(this.#rest === null ? rest : rest.subarray(0, bytes));
  }

  #ended(): void {
    // Without autoClose nobody need destroy the stream, and it holds nothing any more.
    if (!this.autoClose) this.#ahead.stop(this.#leave);
    this.push(null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#rest = null;
    this.#ahead.stop(() => {
      this.#leave();
      if (!this.autoClose) return callback(error);
      this.#host.close().then(
        () => callback(error),
        (closing: unknown) => callback(error ?? (closing instanceof Error ? closing : new Error(String(closing)))),
      );
    });
  }
}
