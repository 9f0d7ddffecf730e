// What a file gives and takes as streams and as a whole: Node's FileHandle has these calls, too.
import type { Interface } from 'node:readline';
import { errors } from '../base/errors.js';
import type { StreamHost } from '../streams/host.js';
import {
  type ReadableWebStreamOptions,
  type ReadStreamOptions,
  readableWebSettings,
  readStreamSettings,
  toEncoding,
  toSignal,
  type WritableWebStreamOptions,
  type WriteStreamOptions,
  writableWebSettings,
  writeStreamSettings,
} from '../streams/options.js';
import { readAll } from '../streams/read-all.js';
import { ReadStream } from '../streams/read-stream.js';
import { readableWebStream } from '../streams/readable-web.js';
import { type WebChunk, writableWebStream } from '../streams/writable-web.js';
import { type Chunk, type ChunkSource, isChunkSource, writeAll } from '../streams/write-all.js';
import { WriteStream } from '../streams/write-stream.js';
import { wantsDsync } from '../transfer/options.js';
import { checkOptions, toPosition } from './arguments.js';
import { FileAttributes } from './attributes.js';
import { toWriteResult, type WriteResult } from './results.js';

export interface ReadFileOptions {
  readonly encoding?: BufferEncoding | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WriteFileOptions extends ReadFileOptions {
  /** Durable, as after `sync`, before it resolves. */
  readonly flush?: boolean | undefined;
}

export abstract class StreamingFile extends FileAttributes {
  protected abstract get streamHost(): StreamHost;

  /**
   * Reads ahead by several full requests; chunks come in order, each in page-aligned memory of its own, which is the
   * consumer's for good. Without `start` at the handle's own position, which follows what was handed out. Closing the
   * file destroys it. See ReadStream.
   */
  createReadStream(options?: ReadStreamOptions | BufferEncoding): ReadStream {
    return new ReadStream(this.#host('read'), readStreamSettings(options));
  }

  /**
   * Gathers chunks of any size to full requests, and has several in flight; page-aligned chunks of at least a request go
   * as they lie. Closing the file ends it. An error carries the ledger of the whole stream. See WriteStream.
   */
  createWriteStream(options?: WriteStreamOptions | BufferEncoding): WriteStream {
    return new WriteStream(this.#host('write'), writeStreamSettings(options));
  }

  /** A byte stream: BYOB readers have their own memory filled, others get chunks as of `createReadStream`. */
  readableWebStream(options?: ReadableWebStreamOptions): ReadableStream<Uint8Array> {
    return readableWebStream(this.#host('read'), readableWebSettings(options));
  }

  /** As `createWriteStream`; a chunk is the caller's again when its `write` resolves. Closing the file fails it. */
  writableWebStream(options?: WritableWebStreamOptions): WritableStream<WebChunk> {
    return writableWebStream(this.#host('write'), writableWebSettings(options));
  }

  /** Line by line: `for await (const line of file.readLines())`. Options are those of `createReadStream`. */
  readLines(options?: ReadStreamOptions): Interface {
    // Loaded when it is first used: most programs have no lines to read.
    const { createInterface } = process.getBuiltinModule('node:readline');
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }

  /** All from the handle's own position on. */
  readFile(options?: {
    readonly encoding?: null | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Buffer>;
  readFile(options: BufferEncoding | (ReadFileOptions & { readonly encoding: BufferEncoding })): Promise<string>;
  readFile(options?: BufferEncoding | ReadFileOptions | null): Promise<Buffer | string>;
  async readFile(given?: BufferEncoding | ReadFileOptions | null): Promise<Buffer | string> {
    const host = this.#host('read');
    const { encoding, signal } = wholeOptions(given);
    if (signal?.aborted === true) throw errors.aborted(signal.reason);
    const all = await readAll(host, signal);
    return encoding === undefined ? all : all.toString(encoding);
  }

  /**
   * Writes all of it at the handle's own position, as Node does: nothing is truncated. Of an iterable each item is a
   * chunk or an array of them, whose memory belongs to the call until the next item is asked for.
   */
  async writeFile(data: Chunk | ChunkSource, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    const host = this.#host('write');
    const { encoding, signal, flush } = wholeOptions(options);
    const source = isChunkSource(data) ? data : [data];
    await writeAll(host, source, { position: null, encoding, signal, dsync: false, sync: flush });
  }

  /** As `writeFile`, by another name: it goes to the end of the file if that was opened with 'a'. */
  appendFile(data: Chunk | ChunkSource, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    return this.writeFile(data, options);
  }

  /** What `write` does with an iterable. */
  protected async writeSource(source: ChunkSource, given: unknown = {}): Promise<WriteResult<never>> {
    const host = this.#host('write');
    const options = checkOptions(given);
    const position = toPosition(options.position, 0);
    for (const name of ['offset', 'length', 'atomic'] as const) {
      const value = options[name];
      if (value !== undefined && value !== null && value !== false)
        throw errors.invalidValue(`options.${name}`, 'left out where an iterable is written', value);
    }
    const { signal, onProgress, stable } = options;
    const dsync = wantsDsync(host.target, options);
    const outcome = await writeAll(host, source, { position, signal, onProgress, dsync, stable, sync: false });
    return toWriteResult(source as never, outcome.offset, outcome.bytes, outcome); // its type is the caller's, who has it from `write`
  }

  #host(syscall: string): StreamHost {
    const host = this.streamHost;
    host.mustBeOpen(syscall);
    return host;
  }
}

interface WholeOptions {
  readonly encoding: BufferEncoding | undefined;
  readonly signal: AbortSignal | undefined;
  readonly flush: boolean;
}

function wholeOptions(given: BufferEncoding | WriteFileOptions | null | undefined): WholeOptions {
  if (given === undefined || given === null) return { encoding: undefined, signal: undefined, flush: false };
  if (typeof given === 'string') return { encoding: toEncoding(given), signal: undefined, flush: false };
  if (typeof given !== 'object') throw errors.invalidType('options', 'a string or an object', given);
  const { encoding, signal, flush = false } = given;
  if (typeof flush !== 'boolean') throw errors.invalidType('options.flush', 'a boolean', flush);
  return { encoding: toEncoding(encoding), signal: toSignal(signal), flush };
}
