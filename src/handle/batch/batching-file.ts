// Batches of reads and writes: one call, and one promise or callback, for as many as there are.
import { errors } from '../../base/errors.js';
import { toOffset } from '../../base/integers.js';
import type { Direction } from '../../plan/limits.js';
import { BYTES_IN_FLIGHT_DEFAULT, wantsDsync } from '../../transfer/options.js';
import type { Target } from '../../transfer/target.js';
import { StreamingFile } from '../streaming.js';
import { Batch, begin } from './batch.js';
import { BatchRun } from './run.js';

export interface BatchOptions {
  /** Aborting sends nothing more; what is in flight is awaited, and the rest fails as never sent. */
  readonly signal?: AbortSignal | undefined;
  /** How many elements are in flight at most. Default: the file's. */
  readonly depth?: number | undefined;
  /** How many bytes of them. One element may always go. */
  readonly bytesInFlight?: number | undefined;
}

export interface WriteBatchOptions extends BatchOptions {
  /** Each element is durable when it is answered. */
  readonly dsync?: boolean | undefined;
  /** As a write's: `false` lets a network target answer before the bytes are durable. */
  readonly stable?: boolean | undefined;
}

/** `error`: null where every element is done (of a read: or the data ended). */
export type BatchCallback = (error: Error | null, batch: Batch) => void;

/** What a file lends to a batch. */
export interface BatchHost {
  readonly target: Target;
  readonly depth: number;
  readonly bytesInFlight: number | undefined;
  /** Something is under way that `close` must wait for. */
  begin(): void;
  settled(): void;
}

const NO_OPTIONS: WriteBatchOptions = {};
const OPTION_NAMES = {
  read: new Set(['signal', 'depth', 'bytesInFlight']),
  write: new Set(['signal', 'depth', 'bytesInFlight', 'dsync', 'stable']),
};

export abstract class BatchingFile extends StreamingFile {
  /** Throws where the file is closed, or has no places to go to. */
  protected abstract batchHost(direction: Direction): BatchHost;

  /**
   * Reads all elements of the batch, in any order. Resolves, or calls back, when each is answered: `batch.bytes` says how
   * much. Where some failed it rejects with ERR_DIORITE_BATCH, and `batch.errorOf(i)` says why. See Batch.
   */
  readBatch(batch: Batch, options?: BatchOptions): Promise<Batch>;
  readBatch(batch: Batch, callback: BatchCallback): void;
  readBatch(batch: Batch, options: BatchOptions, callback: BatchCallback): void;
  readBatch(batch: Batch, second?: BatchOptions | BatchCallback, third?: BatchCallback): Promise<Batch> | undefined {
    return this.#hand(batch, 'read', second, third);
  }

  /** As readBatch, writing. Of elements that overlap nobody knows which is written last. */
  writeBatch(batch: Batch, options?: WriteBatchOptions): Promise<Batch>;
  writeBatch(batch: Batch, callback: BatchCallback): void;
  writeBatch(batch: Batch, options: WriteBatchOptions, callback: BatchCallback): void;
  writeBatch(
    batch: Batch,
    second?: WriteBatchOptions | BatchCallback,
    third?: BatchCallback,
  ): Promise<Batch> | undefined {
    return this.#hand(batch, 'write', second, third);
  }

  #hand(
    batch: Batch,
    direction: Direction,
    second: WriteBatchOptions | BatchCallback | undefined,
    third: BatchCallback | undefined,
  ): Promise<Batch> | undefined {
    const callback = typeof second === 'function' ? second : third;
    const options = typeof second === 'function' ? NO_OPTIONS : second;
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.#run(batch, direction, options, (error) => (error === null ? resolve(batch) : reject(error)));
      });
    }
    if (typeof callback !== 'function') throw errors.invalidType('callback', 'a function', callback);
    // On a tick of its own: what the callback throws is its own, and nobody else's request is answered in between.
    this.#run(batch, direction, options, (error) => process.nextTick(callback, error, batch));
    return undefined;
  }

  /** Throws before anything is sent. */
  #run(batch: Batch, direction: Direction, given: unknown, told: (error: Error | null) => void): void {
    if (!(batch instanceof Batch)) throw errors.invalidType('batch', 'a Batch', batch);
    const options = checkOptions(given ?? NO_OPTIONS, direction);
    const host = this.batchHost(direction);
    this.target.check();
    const { stable } = options;
    const dsync = wantsDsync(host.target, options);
    const limits = {
      depth: options.depth ?? host.depth,
      bytesInFlight:
        options.bytesInFlight ?? host.bytesInFlight ?? host.target.bestBytesInFlight ?? BYTES_IN_FLIGHT_DEFAULT,
    };
    begin(batch);
    host.begin();
    const ended = (): void => {
      host.settled();
      told(batch.failed === 0 ? null : errorOfAll(batch));
    };
    new BatchRun(batch, host.target, direction, limits, { dsync, stable }, ended).start(options.signal);
  }
}

function errorOfAll(batch: Batch): Error {
  let first = 0;
  while (batch.errorOf(first) === null) first++;
  const cause = batch.errorOf(first);
  const what = `${batch.failed} of ${batch.count} elements failed, the first at index ${first}: ${cause?.message}`;
  return errors.make('ERR_DIORITE_BATCH', what, { cause });
}

function checkOptions(options: unknown, direction: Direction): WriteBatchOptions {
  if (typeof options !== 'object' || options === null) throw errors.invalidType('options', 'an object', options);
  if (options === NO_OPTIONS) return NO_OPTIONS;
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES[direction].has(name)) throw errors.invalidValue(`options.${name}`, 'a known option', name);
  }
  const { signal, depth, bytesInFlight, dsync, stable } = options as WriteBatchOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw errors.invalidType('options.signal', 'an AbortSignal', signal);
  mustBePositive(depth, 'options.depth');
  mustBePositive(bytesInFlight, 'options.bytesInFlight');
  mustBeBoolean(dsync, 'options.dsync');
  mustBeBoolean(stable, 'options.stable');
  return options;
}

function mustBePositive(value: unknown, name: string): void {
  if (value !== undefined && toOffset(value, name) === 0) throw errors.outOfRange(name, '>= 1', value);
}

function mustBeBoolean(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw errors.invalidType(name, 'a boolean', value);
}
