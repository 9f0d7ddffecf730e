// Record marking (RFC 5531 §11): where records begin and end in a stream of bytes, as a state machine that holds none.
import { XdrError } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';

const RECORD_MARK_BYTES = 4;

/** In a mark: the record's last fragment. The other 31 bits are the fragment's length. */
const LAST_FRAGMENT = 0x80000000;

/** A peer that sends fragments without a byte makes no progress. */
const EMPTY_FRAGMENTS_MAX = 16;

/**
 * For either side, whatever the pieces in which the bytes arrive:
 *
 *      while there are bytes: if (inMark) takeMark(...) else take up to `fragmentRest` and say takeBody(count)
 *      whenever `ended`: the record is complete; next()
 */
export class RecordParser {
  /** The most that one record may hold: may change between marks. */
  maxBytes: number;
  /** Bytes of the current fragment that are still to come. */
  fragmentRest = 0;
  #recordBytes = 0;
  #last = false;
  #mark = 0;
  #markBytes = 0;
  #emptyFragments = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** What comes next is a mark, or a part of one. */
  get inMark(): boolean {
    return this.fragmentRest === 0 && !this.#last;
  }

  /** The record is complete. */
  get ended(): boolean {
    return this.fragmentRest === 0 && this.#last;
  }

  /** Not a byte of a record was seen since the last one. */
  get idle(): boolean {
    return this.inMark && this.#recordBytes === 0 && this.#markBytes === 0 && this.#emptyFragments === 0;
  }

  /** Takes what belongs to a mark from `bytes[from … to)`, and says how many bytes that was. */
  takeMark(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.#markBytes < RECORD_MARK_BYTES) {
      this.#mark = ((this.#mark << 8) | (bytes[at++] ?? 0)) >>> 0;
      this.#markBytes++;
    }
    if (this.#markBytes === RECORD_MARK_BYTES) this.#begin(this.#mark);
    return at - from;
  }

  #begin(mark: number): void {
    this.#markBytes = 0;
    this.#mark = 0;
    this.#last = mark >= LAST_FRAGMENT;
    this.fragmentRest = this.#last ? mark - LAST_FRAGMENT : mark;
    this.#recordBytes += this.fragmentRest;
    if (this.#recordBytes > this.maxBytes)
      throw new XdrError(`a record of ${this.#recordBytes} bytes or more comes where ${this.maxBytes} are the most`);
    if (this.fragmentRest === 0 && ++this.#emptyFragments > EMPTY_FRAGMENTS_MAX)
      throw new XdrError('a record consists of empty fragments');
  }

  takeBody(bytes: number): void {
    this.fragmentRest -= bytes;
  }

  /** From a record that has ended on to the next. */
  next(): void {
    this.#last = false;
    this.#recordBytes = 0;
    this.#emptyFragments = 0;
  }
}

/** Leaves room for the mark of a record of one fragment; `endRecord` gets what this gives. */
export function beginRecord(xdr: XdrWriter): number {
  return xdr.reserveU32();
}

/** Everything written since, payload and padding included, is the record. */
export function endRecord(xdr: XdrWriter, at: number): void {
  xdr.patchU32(at, LAST_FRAGMENT + xdr.length - at - RECORD_MARK_BYTES);
}
