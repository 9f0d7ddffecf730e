// Read-ahead: reads of full requests in fresh memory, several in flight, handed out in the order of the file.
//
//      file       |=== done ===|=== done ===|~~ in flight ~~|~~ in flight ~~|
//      consumer   ^ next       `------ at most the budget, taken or not ----´
import { assert } from '../base/assert.js';
import { alignUp, PAGE_SIZE } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';
import type { TransferOptions } from '../transfer/options.js';
import { turnIsUsedUp } from '../transfer/turn.js';
import { chunkMemory } from './chunk-memory.js';
import { bytesOf, depthOf, type StreamHost } from './host.js';

/** What is asked for where nobody knows whether there is anything: behind the known end, or of a pipe. */
const PROBE_BYTES = 64 * 1024;

/** One read. */
interface Slot {
  readonly memory: Buffer;
  position: number;
  /** −1: not answered yet. */
  bytes: number;
  failure: Failure | null;
}

interface Failure {
  readonly error: unknown;
}

/** Null: the data has ended. */
export type GotChunk = (error: unknown, chunk: Buffer | null) => void;

export class ReadAhead {
  readonly #host: StreamHost;
  readonly #depth: number;
  readonly #bytesMax: number;
  readonly #transferOptions: TransferOptions;
  /** Takes back reads that wait for what may never come: of a pipe, of a server. */
  readonly #cancel = new AbortController();
  /** Where the next read begins; null: at the handle's own position. */
  #position: number | null;
  /** How much may still be read; the data may end before. */
  #left: number;
  /** How long the file is known to be; −1: not at all. */
  #size: number;
  #looking = false;
  /** Where the next read was to begin when the size was last asked. */
  #lookedAt = -1;
  /** Bytes of the next read where the size says nothing: doubled each time that one comes back full. */
  #probeBytes = PROBE_BYTES;
  /** Not handed out yet, in the order of the file. */
  #slots: Slot[] = [];
  #heldBytes = 0;
  #inFlight = 0;
  /** The turn of the event loop is used up: reads go on in the next one. */
  #pausing = false;
  /** At the handle's own position: where what was handed out ends, and where what was asked for does. */
  #given = -1;
  #taken = -1;
  #wanted: GotChunk | null = null;
  #ended = false;
  /** What the consumer is told when it has had all that came before. */
  #failure: Failure | null = null;
  #stopped = false;
  #onStopped: (() => void) | null = null;

  constructor(host: StreamHost, start: number | null, end: number) {
    this.#host = host;
    this.#depth = depthOf(host);
    this.#bytesMax = bytesOf(host);
    this.#position = start;
    this.#size = host.target.seekable ? (host.target.size ?? -1) : -1;
    this.#left = start === null ? end : end - start;
    // A pipe's bytes are handed on as they come.
    const partial = !host.target.seekable;
    this.#transferOptions = {
      depth: this.#depth,
      bytesInFlight: this.#bytesMax,
      partial,
      signal: this.#cancel.signal,
    };
  }

  /** The next chunk, null at the end; at once if it is there. One is asked for at a time. */
  next(got: GotChunk): void {
    assert(this.#wanted === null && !this.#stopped, 'one chunk is asked for at a time');
    this.#wanted = got;
    this.#fill();
    this.#give();
  }

  /** Reads nothing more; calls back when everything in flight was answered. */
  stop(callback: () => void): void {
    this.#stopped = true;
    this.#wanted = null;
    this.#onStopped = callback;
    this.#cancel.abort();
    this.#settleStopped();
  }

  // ---- out to the file -------------------------------------------------------------------------------------------

  /** Reads as far ahead as may be. */
  #fill(): void {
    while (!this.#isOver() && this.#left > 0 && this.#inFlight < this.#depth && !this.#pausing) {
      const bytes = this.#nextBytes();
      if (bytes === 0 || (this.#slots.length > 0 && this.#heldBytes + bytes > this.#bytesMax)) return;
      // The kernel faults fresh memory in, page by page, before it returns: half a millisecond for a megabyte.
      if (this.#slots.length > 0 && turnIsUsedUp(true)) return this.#pause();
      this.#read(bytes);
    }
  }

  #pause(): void {
    this.#pausing = true;
    setImmediate(() => {
      this.#pausing = false;
      this.#fill();
    });
  }

  #isOver(): boolean {
    return this.#stopped || this.#ended || this.#failure !== null;
  }

  #where(): number {
    return this.#position ?? this.#host.ownPosition;
  }

  /** How much the next read asks for; 0: none before something has come back. */
  #nextBytes(): number {
    const where = this.#where();
    const { bestBytes, offsetAlignment } = this.#host.target.limitsAt(where, 'read');
    const aligned = bestBytes - (where % Math.min(bestBytes, alignUp(offsetAlignment, PAGE_SIZE)));
    if (where < this.#size) {
      // Whole blocks: what passes the end comes back short, and so tells that it is the end.
      const toEnd = alignUp(this.#size, alignUp(offsetAlignment, PAGE_SIZE)) - where;
      return Math.min(aligned, toEnd, this.#left);
    }
    if (this.#slots.length > 0 || this.#looking || this.#mustLook()) return 0;
    return Math.min(aligned, this.#probeBytes, this.#left);
  }

  /** Behind the known end the size is asked before a read is tried: the file may have grown by much. */
  #mustLook(): boolean {
    const { target } = this.#host;
    const where = this.#where();
    if (!target.seekable || this.#lookedAt === where) return false;
    this.#looking = true;
    target.askBytes().then(
      (bytes) => this.#looked(bytes),
      (error: unknown) => {
        this.#failure ??= { error };
        this.#looked(0);
      },
    );
    return true;
  }

  #looked(bytes: number): void {
    this.#looking = false;
    this.#lookedAt = this.#where();
    this.#size = bytes;
    this.#fill();
    this.#give();
    this.#settleStopped();
  }

  #read(bytes: number): void {
    const where = this.#where();
    const slot: Slot = { memory: chunkMemory(bytes, where % PAGE_SIZE), position: where, bytes: -1, failure: null };
    this.#slots.push(slot);
    this.#heldBytes += bytes;
    this.#left -= bytes;
    this.#inFlight++;
    if (this.#position !== null) {
      this.#position += bytes;
      this.#start(slot);
      return;
    }
    this.#host.take(bytes, (position) => {
      slot.position = position;
      if (this.#given < 0) this.#given = position;
      this.#taken = position + bytes;
      this.#start(slot);
    });
  }

  #start(slot: Slot): void {
    const { memory, position } = slot;
    try {
      this.#host.transfer(
        IovIter.ubuf(memory),
        position,
        memory.byteLength,
        'read',
        this.#transferOptions,
        ({ bytes }) => this.#answered(slot, bytes, null),
        (error) => this.#answered(slot, 0, { error }),
      );
    } catch (error) {
      setImmediate(() => this.#answered(slot, 0, { error }));
    }
  }

  #answered(slot: Slot, bytes: number, failure: Failure | null): void {
    this.#inFlight--;
    slot.bytes = bytes;
    slot.failure = failure;
    this.#give();
    this.#settleStopped();
  }

  #settleStopped(): void {
    const callback = this.#onStopped;
    if (callback === null || this.#inFlight > 0 || this.#looking) return;
    this.#onStopped = null;
    this.#giveBack();
    callback();
  }

  /** What was read ahead and not handed out is read again by whoever goes on from the handle's own position. */
  #giveBack(): void {
    if (this.#given >= 0) this.#host.giveBack(this.#taken, this.#given);
    this.#given = -1;
  }

  // ---- to the consumer -------------------------------------------------------------------------------------------

  #give(): void {
    const got = this.#wanted;
    if (got === null) return;
    const slot = this.#slots[0];
    if (slot !== undefined) {
      if (slot.bytes >= 0) this.#giveSlot(slot, got);
      return;
    }
    if (this.#failure !== null) this.#tell(got, this.#failure.error, null);
    else if (this.#ended || (this.#left === 0 && !this.#looking)) this.#end(got);
  }

  #giveSlot(slot: Slot, got: GotChunk): void {
    const { memory, bytes, failure, position } = slot;
    this.#slots.shift();
    this.#heldBytes -= memory.byteLength;
    if (failure !== null) {
      this.#failure = failure;
      this.#forgetRest();
      return this.#tell(got, failure.error, null);
    }
    if (bytes === 0) return this.#end(got);
    if (this.#given >= 0) this.#given = position + bytes;
    const isFull = bytes === memory.byteLength;
    if (isFull && position >= this.#size) this.#probeBytes *= 2;
    if (!isFull) this.#endIfSeekable();
    // A pipe is read when somebody asks for its bytes, and not before: such a read may take for ever.
    if (this.#host.target.seekable) this.#fill();
    this.#tell(got, null, isFull ? memory : memory.subarray(0, bytes));
  }

  /** A read of a file is short only at its end. */
  #endIfSeekable(): void {
    if (!this.#host.target.seekable) return;
    this.#ended = true;
    this.#forgetRest();
  }

  #end(got: GotChunk): void {
    this.#ended = true;
    this.#forgetRest();
    this.#giveBack();
    this.#tell(got, null, null);
  }

  #forgetRest(): void {
    this.#slots = [];
    this.#heldBytes = 0;
  }

  #tell(got: GotChunk, error: unknown, chunk: Buffer | null): void {
    this.#wanted = null;
    got(error, chunk);
  }
}
