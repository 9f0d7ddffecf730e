// Writes all that an iterable gives: chunks, or arrays of them, as one write with one result.
import { errors } from '../base/errors.js';
import { onAbort } from '../transfer/abort.js';
import type { Outcome } from '../transfer/outcome.js';
import { turnIsUsedUp } from '../transfer/turn.js';
import type { StreamHost } from './host.js';
import { WriteSink } from './write-sink.js';

export type Chunk = NodeJS.ArrayBufferView | string;
/** What is written piece by piece: each item one chunk, or an array of them. */
export type ChunkSource = Iterable<Chunk | readonly Chunk[]> | AsyncIterable<Chunk | readonly Chunk[]>;

export interface WriteAllOptions {
  /** Null: at the handle's own position. */
  readonly position: number | null;
  readonly encoding?: BufferEncoding | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly dsync: boolean;
  readonly stable?: boolean | undefined;
  /** Synced before it resolves. */
  readonly sync: boolean;
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** What can be iterated, and is no memory by itself. */
export function isChunkSource(value: unknown): value is ChunkSource {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/**
 * An item's memory belongs to it until the next item is asked for. Rejects, with the ledger of all that was given, when a
 * write fails and when the signal aborts, and with the source's own error when that throws; by then nothing is in flight.
 */
export async function writeAll(host: StreamHost, source: ChunkSource, options: WriteAllOptions): Promise<Outcome> {
  const { position, dsync, stable, sync, onProgress, encoding, signal } = options;
  const interrupt = new Interrupt(signal);
  const failed = (error: Error): void => interrupt.raise(error);
  // As with any call: closing waits until it has settled.
  const sink = new WriteSink(
    host,
    { start: position, dsync, stable, sync, onProgress, autoClose: false, failed },
    () => {},
  );
  try {
    await pour(source, encoding, sink, interrupt);
    await interrupt.during(sink.end());
    return sink.outcome;
  } catch (error) {
    await sink.abort();
    throw error === interrupt.error ? sink.tell(error) : error;
  } finally {
    interrupt.dispose();
  }
}

async function pour(
  source: ChunkSource,
  encoding: BufferEncoding | undefined,
  sink: WriteSink,
  interrupt: Interrupt,
): Promise<void> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  try {
    for (;;) {
      if (interrupt.error !== null) throw interrupt.error;
      const next = iterator.next();
      const { value, done } = isResult(next) ? next : await interrupt.during(Promise.resolve(next));
      if (done === true) return;
      const waits = Array.isArray(value)
        ? sink.writeAll(value.map((chunk) => ({ chunk: bytesOf(chunk, encoding) })))
        : sink.write(bytesOf(value, encoding));
      if (waits !== null) await interrupt.during(waits);
      else if (turnIsUsedUp(false)) await interrupt.during(new Promise<void>((resolve) => setImmediate(resolve)));
    }
  } catch (error) {
    // Not awaited: a source that hangs would never come to its end.
    Promise.resolve(iterator.return?.()).catch(() => {});
    throw error;
  }
}

/** Of a synchronous source, which is spared a promise for each chunk. */
function isResult<T>(next: T | Promise<T>): next is T {
  return typeof next === 'object' && next !== null && !('then' in next);
}

function bytesOf(chunk: unknown, encoding: BufferEncoding | undefined): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw errors.invalidType('chunk', 'a string, a view, or an array of them', chunk);
}

/** What ends a wait early: the signal, or a write that failed by itself. One promise is waited for at a time. */
class Interrupt {
  #error: Error | null = null;
  #reject: ((error: Error) => void) | null = null;
  readonly #forget: (() => void) | null;

  constructor(signal: AbortSignal | undefined) {
    this.#forget = signal === undefined || signal.aborted ? null : onAbort(signal, () => this.raise(aborted(signal)));
    if (signal?.aborted === true) this.raise(aborted(signal));
  }

  get error(): Error | null {
    return this.#error;
  }

  raise(error: Error): void {
    this.#error ??= error;
    this.#reject?.(this.#error);
  }

  during<T>(wait: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#error !== null) reject(this.#error);
      this.#reject = reject;
      wait.then(resolve, reject);
    });
  }

  dispose(): void {
    this.#forget?.();
  }
}

function aborted(signal: AbortSignal): Error {
  return errors.aborted(signal.reason);
}
