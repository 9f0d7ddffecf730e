// file.writableWebStream(): a WritableStream over write-behind.
import type { UnderlyingSink, WritableStreamDefaultController } from 'node:stream/web';
import { type DioriteError, errors } from '../base/errors.js';
import { onAbort } from '../transfer/abort.js';
import type { StreamHost } from './host.js';
import type { StreamSettings } from './options.js';
import { WriteSink } from './write-sink.js';

/** What may be written: any memory, whose bytes are taken when the promise of `write` resolves. */
export type WebChunk = NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

export function writableWebStream(host: StreamHost, settings: StreamSettings): WritableStream<WebChunk> {
  const sink = new FileSink(host, settings);
  const highWaterMark = settings.highWaterMark ?? host.target.limitsAt(settings.start ?? 0, 'write').bestBytes;
  return new WritableStream(sink, { highWaterMark, size: (chunk) => chunk.byteLength });
}

class FileSink implements UnderlyingSink<WebChunk> {
  readonly #sink: WriteSink;
  readonly #forgetSignal: (() => void) | null;
  #controller: WritableStreamDefaultController | null = null;
  #over = false;

  constructor(host: StreamHost, { start, autoClose, flush, signal }: StreamSettings) {
    const failed = (error: Error): void => this.#fail(error);
    this.#sink = new WriteSink(host, { start, dsync: false, sync: flush, autoClose, failed }, () =>
      this.#fail(closed(host)),
    );
    this.#forgetSignal =
      signal === undefined || signal.aborted ? null : onAbort(signal, () => this.#fail(errors.aborted(signal.reason)));
    if (signal?.aborted === true) queueMicrotask(() => this.#fail(errors.aborted(signal.reason)));
  }

  start(controller: WritableStreamDefaultController): void {
    this.#controller = controller;
  }

  async write(chunk: WebChunk): Promise<void> {
    try {
      await this.#sink.write(bytesOf(chunk));
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#sink.end();
    } finally {
      await this.#end();
    }
  }

  abort(): Promise<void> {
    return this.#end();
  }

  /** While nobody waits for a write: the stream is told, and what is in flight awaited. */
  #fail(error: Error): void {
    if (this.#over) return;
    this.#controller?.error(this.#sink.tell(error));
    this.#end().catch(() => {}); // closing failed as well: the stream has its error
  }

  async #end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#forgetSignal?.();
    await this.#sink.abort();
  }
}

function closed({ target }: StreamHost): DioriteError {
  return errors.make('ERR_DIORITE_CLOSED', `${target.name}: closed before its stream was`, { path: target.name });
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer || chunk instanceof SharedArrayBuffer) return new Uint8Array(chunk);
  throw errors.invalidType('chunk', 'an ArrayBuffer or a view', chunk);
}
