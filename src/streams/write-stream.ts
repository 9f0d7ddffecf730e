// file.createWriteStream(): Node's Writable over write-behind.
import { addAbortSignal, Writable } from 'node:stream';
import type { Extent } from '../base/errors.js';
import type { StreamHost } from './host.js';
import type { StreamSettings } from './options.js';
import type { Piece } from './pieces.js';
import { WriteBehind } from './write-behind.js';

/**
 * What waits is what cannot be taken just now: no room, or no time left in this turn of the event loop. A producer that is
 * told so at once does not go on reading its socket, two megabytes in one turn. Node's own default since 22.
 */
const HIGH_WATER_MARK_BYTES: number = 64 * 1024;

type Done = (error?: Error | null) => void;

/**
 * What `file.createWriteStream()` gives: chunks of any size become full requests, several in flight.
 *
 * The callback of `write` says that the chunk is taken and its memory the caller's again; 'finish' says that all is
 * written. An error comes as 'error' with the ledger of the whole stream, after everything in flight was answered.
 * Destroying it waits until all that was taken is written, the chunk whose `write` is under way to its end, and only then
 * comes 'close': as of Node's stream, no chunk is cut. `extents` says what is known.
 */
export class WriteStream extends Writable {
  /** Path or URL of the file. */
  readonly path: string;
  readonly autoClose: boolean;
  readonly flush: boolean;
  /** False: the file is open, always. */
  readonly pending: boolean = false;
  readonly #host: StreamHost;
  readonly #behind: WriteBehind;
  readonly #leave: () => void;
  /** Of the chunk that is not taken yet. */
  #callback: Done | null = null;

  constructor(host: StreamHost, settings: StreamSettings) {
    const { autoClose, emitClose, encoding, signal } = settings;
    const highWaterMark = settings.highWaterMark ?? HIGH_WATER_MARK_BYTES;
    super({ highWaterMark, autoDestroy: autoClose, emitClose, decodeStrings: true });
    if (encoding !== undefined) this.setDefaultEncoding(encoding);
    this.path = host.target.name;
    this.autoClose = autoClose;
    this.flush = settings.flush;
    this.#host = host;
    this.#behind = new WriteBehind(
      host,
      { start: settings.start, dsync: false },
      { taken: (error) => this.#taken(error), failed: (error) => void this.destroy(error) },
    );
    this.#leave = host.join(() => this.close());
    // Last: a signal that was aborted before destroys the stream at once.
    if (signal !== undefined) addAbortSignal(signal, this);
  }

  /** As Node's; −1 when the file is closed or has none. */
  get fd(): number {
    return this.#host.target.fd;
  }

  /** Written so far, from the stream's first byte on without a break. */
  get bytesWritten(): number {
    return this.#behind.bytesWritten;
  }

  /** What is known of every byte that the stream was given. */
  get extents(): readonly Extent[] {
    return this.#behind.extents;
  }

  /** Ends the stream and calls back when it is closed. */
  close(callback?: (error?: Error | null) => void): void {
    if (callback !== undefined) {
      if (this.closed) process.nextTick(callback);
      else this.once('close', callback);
    }
    if (!this.autoClose) this.once('finish', () => this.destroy());
    this.end();
  }

  /** The file is open. Chunks wait for the next tick all the same: Node's stream that is destroyed at once writes nothing. */
  override _construct(callback: Done): void {
    callback();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Done): void {
    if (this.#behind.take(chunk)) callback();
    else this.#callback = callback;
  }

  override _writev(chunks: readonly Piece[], callback: Done): void {
    if (this.#behind.takeAll(chunks)) callback();
    else this.#callback = callback;
  }

  #taken(error: Error | null): void {
    const callback = this.#callback;
    this.#callback = null;
    callback?.(error);
    // Without autoClose an error alone leaves it open, and there is no going on behind a hole.
    if (error !== null) this.destroy(error);
  }

  override _final(callback: Done): void {
    this.#behind.end((error) => {
      if (error !== null) return callback(error);
      const { target } = this.#host;
      if (!this.flush) return this.#finished(callback);
      target.sync().then(() => this.#finished(callback), callback);
    });
  }

  #finished(callback: Done): void {
    // Nothing is in flight any more: the file may close, though nobody destroys the stream.
    if (!this.autoClose) this.#leave();
    callback();
  }

  override _destroy(error: Error | null, callback: Done): void {
    this.#behind.stop(true, () => {
      this.#leave();
      if (!this.autoClose) return callback(error);
      this.#host.close().then(
        () => callback(error),
        (closing: unknown) => callback(error ?? (closing instanceof Error ? closing : new Error(String(closing)))),
      );
    });
  }
}
