// Received bytes as frames: control frames and messages, whose data goes to the caller's memory while it comes.
import type { DecipherGCM } from 'node:crypto';
import { assert } from '../../../base/assert.js';
import { type Sink, SinkCursor } from '../../net/sink-cursor.js';
import { crc32c } from '../crc32c/crc32c.js';
import { DencError } from '../denc/error.js';
import { DencReader } from '../denc/reader.js';
import {
  AUTH_TAG_BYTES,
  BANNER,
  BANNER_HEAD_BYTES,
  BANNER_PAYLOAD_BYTES,
  blockPadding,
  CRC_BYTES,
  CRC_SEED,
  checkLateStatus,
  EPILOGUE_CRC_BYTES,
  EPILOGUE_SECURE_BYTES,
  INLINE_BYTES,
  PREAMBLE_BYTES,
  Preamble,
  SEALED_PREAMBLE_BYTES,
  TAG_MESSAGE,
} from './frame.js';
import { MESSAGE_HEADER_BYTES, MessageHeader } from './message.js';
import { type Section, SectionList } from './sections.js';
import { finishOpening, type SecureStream } from './secure.js';

/**
 * One buffer for all connections of the thread: what is read into it is consumed before the next read. One read takes a
 * dozen replies of 64 KiB.
 */
const STAGING_BYTES = 1024 * 1024;
const staging: Buffer = Buffer.allocUnsafeSlow(STAGING_BYTES);

/**
 * From here on a piece of memory is read into straight from the socket. Smaller ones cost less when one large read takes
 * several replies and they are copied out of it (measured, 64 KiB objects: 617 against 461 MiB/s).
 */
export const READ_DIRECT_BYTES: number = 128 * 1024;

/** The first read of a message whose data has memory of its own: holds its head, and little of the data. */
const HEAD_READ_BYTES = 1024;

/** The most that one read brings: what is copied and checked while nothing else has its turn. */
const READ_BYTES_MAX = 256 * 1024;

/** Data that nobody has memory for is kept up to this. */
const KEEP_BYTES_MAX = 64 * 1024 * 1024;
/** A buffer that grew beyond this for one message is not kept for the next. */
const REUSE_BYTES_MAX = 256 * 1024;
/** All that comes before AUTH_DONE. */
const RECORD_BYTES_MAX = 1024 * 1024;
const BANNER_BYTES_MAX = 4096;

/** Where the data of a message goes: to memory of its call's, to a buffer of its own, or nowhere. */
export type DataPlace = Sink | 'keep' | 'drop';

/** Whoever waits for frames. What it is given is there only until it returns, `data` excepted. */
export interface Inbox {
  banner(supported: bigint, required: bigint): void;
  control(tag: number, payload: DencReader): void;
  /** Data follows. The front is not verified yet: what is read of it is only where the data goes. */
  begin(header: MessageHeader, front: Uint8Array, dataBytes: number): DataPlace;
  /** All of it is there and verified. `data`: of a message that was to `keep` it, its own from now on. */
  message(header: MessageHeader, front: DencReader, data: Uint8Array): void;
  /** Whether a call waits whose data goes to memory in large pieces. */
  readonly expectsDirect: boolean;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** Throws EBADMSG where the connection is of no use any more. */
export class Receiver {
  readonly #inbox: Inbox;
  readonly #sections: SectionList = new SectionList();
  readonly #preamble: Preamble = new Preamble();
  readonly #header: MessageHeader = new MessageHeader();
  readonly #reader: DencReader = new DencReader(NOTHING, 'a frame');
  readonly #cursor: SinkCursor = new SinkCursor();
  readonly #small: Buffer = Buffer.allocUnsafeSlow(SEALED_PREAMBLE_BYTES);
  #first: Buffer = Buffer.allocUnsafeSlow(MESSAGE_HEADER_BYTES);
  #front: Buffer = NOTHING;
  #middle: Buffer = NOTHING;
  #data: Buffer = NOTHING;
  /** What the section that is being received is copied to; null: it is data for a sink, or nobody's. */
  #into: Buffer | null = null;
  #filled = 0;
  #dataCrc = 0;
  #direct = false;
  #secure: SecureStream | null = null;
  #decipher: DecipherGCM | null = null;
  /** What came before AUTH_DONE's end, for its signature. */
  #record: Buffer[] | null = [];
  #recorded = 0;
  #stopped = false;

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
    this.#sections.add('banner', BANNER_HEAD_BYTES);
    this.#enter();
  }

  /** Nothing of what was received, or is yet, is of interest any more. */
  stop(): void {
    this.#stopped = true;
    this.#cursor.stop();
  }

  /** Frames from the next one on are sealed. */
  open(stream: SecureStream): void {
    this.#secure = stream;
  }

  /** All bytes up to the end of the frame that was given last; nothing is recorded from now on. */
  takeRecord(): Buffer {
    const record = Buffer.concat(this.#record ?? []);
    this.#record = null;
    return record;
  }

  /** Data of this call is on its way into its memory. */
  isAt(tid: number): boolean {
    return this.#sections.current === 'data' && this.#cursor.rest > 0 && this.#header.tid === tid;
  }

  get seq(): number {
    return this.#header.seq;
  }

  nextBuffer(): Uint8Array {
    this.#direct = false;
    if (this.#stopped) return staging;
    const memory =
      this.#secure === null && this.#cursor.rest > 0 ? this.#cursor.direct(READ_BYTES_MAX, READ_DIRECT_BYTES) : null;
    this.#direct = memory !== null;
    if (memory !== null) return memory;
    // Sealed data is copied in any case.
    if (this.#secure !== null || !this.#inbox.expectsDirect) return staging;
    const { current, rest, beforeData } = this.#sections;
    const copied =
      current !== 'data'
        ? beforeData
        : this.#cursor.rest > 0
          ? this.#cursor.bytesBeforeDirect(READ_DIRECT_BYTES)
          : rest;
    return staging.subarray(0, Math.min(STAGING_BYTES, copied + HEAD_READ_BYTES));
  }

  /** The first `bytes` of `buffer`, which `nextBuffer` gave, were filled. */
  received(buffer: Uint8Array, bytes: number): void {
    if (!this.#direct) this.#consume(buffer, bytes);
    else {
      this.#dataCrc = crc32c(this.#dataCrc, buffer.subarray(0, bytes));
      this.#cursor.advance(bytes);
      this.#taken(bytes);
    }
  }

  #consume(source: Uint8Array, to: number): void {
    for (let at = 0; at < to && !this.#stopped; ) {
      const bytes = Math.min(to - at, this.#sections.rest);
      const part = source.subarray(at, at + bytes);
      if (this.#record !== null) this.#keepRecord(part);
      this.#put(this.#isSealed ? this.#opened(part) : part);
      at += bytes;
      this.#taken(bytes);
    }
  }

  /** The sealed preamble is opened when all of it is there. */
  get #isSealed(): boolean {
    const { current } = this.#sections;
    return this.#secure !== null && current !== 'preamble' && current !== 'tag';
  }

  #opened(part: Uint8Array): Uint8Array {
    assert(this.#secure !== null, 'only sealed bytes are opened');
    this.#decipher ??= this.#secure.open();
    return this.#decipher.update(part);
  }

  #put(part: Uint8Array): void {
    if (this.#into !== null) this.#into.set(part, this.#filled);
    else if (this.#cursor.rest > 0) this.#cursor.copy(part, 0, part.length);
    if (this.#sections.current === 'data' && this.#secure === null) this.#dataCrc = crc32c(this.#dataCrc, part);
  }

  #keepRecord(part: Uint8Array): void {
    this.#recorded += part.length;
    if (this.#recorded > RECORD_BYTES_MAX)
      throw new DencError('a handshake', `it has more than ${RECORD_BYTES_MAX} bytes`);
    this.#record?.push(Buffer.from(part));
  }

  #taken(bytes: number): void {
    this.#filled += bytes;
    if (!this.#sections.take(bytes)) return;
    this.#ended(this.#sections.current);
    if (this.#stopped) return;
    if (!this.#sections.next()) this.#nextFrame();
    if (!this.#stopped) this.#enter();
  }

  #nextFrame(): void {
    if (this.#preamble.count > 0) this.#dispatch();
    this.#sections.clear();
    this.#preamble.count = 0;
    this.#sections.add('preamble', this.#secure === null ? PREAMBLE_BYTES : SEALED_PREAMBLE_BYTES);
  }

  /** Where the bytes of a section go that begins. */
  #enter(): void {
    const { current, rest } = this.#sections;
    this.#filled = 0;
    if (current === 'first') this.#into = this.#first = roomIn(this.#first, rest);
    else if (current === 'firstRest') {
      this.#into = this.#first;
      this.#filled = INLINE_BYTES;
    } else if (current === 'front') this.#into = this.#front = roomIn(this.#front, rest);
    else if (current === 'middle') this.#into = this.#middle = roomIn(this.#middle, rest);
    else if (current === 'data') this.#enterData(rest);
    else this.#into = current === 'padding' ? null : this.#small;
  }

  #enterData(bytes: number): void {
    const [, front] = this.#preamble.lengths;
    this.#dataCrc = CRC_SEED;
    this.#into = null;
    const place = this.#inbox.begin(this.#header, this.#front.subarray(0, front), bytes);
    if (place === 'drop') return;
    if (place === 'keep') {
      if (bytes > KEEP_BYTES_MAX) throw new DencError('a message', `${bytes} bytes of data come unasked`);
      this.#into = this.#data = Buffer.allocUnsafeSlow(bytes);
    } else if (bytes > place.bytes)
      throw new DencError('a reply', `${bytes} bytes come where ${place.bytes} were asked for`);
    else this.#cursor.start(place, bytes);
  }

  #ended(section: Section): void {
    const small = this.#small;
    if (section === 'banner') this.#banner();
    else if (section === 'bannerPayload') this.#inbox.banner(small.readBigUInt64LE(0), small.readBigUInt64LE(8));
    else if (section === 'preamble') this.#begin();
    else if (section === 'firstCrc') {
      const [first] = this.#preamble.lengths;
      checkCrc('the first segment', crc32c(CRC_SEED, this.#first.subarray(0, first)), small.readUInt32LE(0));
      this.#firstThere();
    } else if (section === 'epilogue') this.#epilogue();
    else if (section === 'tag') {
      assert(this.#decipher !== null, 'what has a tag was opened');
      finishOpening(this.#decipher, small.subarray(0, AUTH_TAG_BYTES));
      this.#decipher = null;
      if (this.#sections.before === 'firstPadding') this.#firstThere();
    }
  }

  #banner(): void {
    const small = this.#small;
    if (small.toString('latin1', 0, BANNER.length) !== BANNER)
      throw new DencError('a banner', 'this is no messenger v2 (its port is 3300 for monitors)');
    const bytes = small.readUInt16LE(BANNER.length);
    if (bytes < BANNER_PAYLOAD_BYTES || bytes > BANNER_BYTES_MAX)
      throw new DencError('a banner', `it has ${bytes} bytes`);
    this.#sections.add('bannerPayload', BANNER_PAYLOAD_BYTES);
    this.#sections.add('padding', bytes - BANNER_PAYLOAD_BYTES);
  }

  /** The preamble is there: what follows it. */
  #begin(): void {
    const { lengths } = this.#preamble;
    const secure = this.#secure;
    if (secure === null) {
      this.#preamble.read(this.#small);
      const [first] = lengths;
      this.#sections.add('first', first);
      this.#sections.add('firstCrc', first > 0 ? CRC_BYTES : 0);
    } else this.#beginSealed(secure);
    const [, front, middle, data] = lengths;
    if (this.#preamble.count === 1) return;
    const padded = secure !== null;
    this.#addSegment('front', front, padded);
    this.#addSegment('middle', middle, padded);
    this.#addSegment('data', data, padded);
    this.#sections.add('epilogue', padded ? EPILOGUE_SECURE_BYTES : EPILOGUE_CRC_BYTES);
    if (padded) this.#sections.add('tag', AUTH_TAG_BYTES);
  }

  #addSegment(section: Section, bytes: number, padded: boolean): void {
    this.#sections.add(section, bytes);
    if (padded) this.#sections.add('padding', blockPadding(bytes));
  }

  #beginSealed(secure: SecureStream): void {
    const decipher = secure.open();
    const plain = decipher.update(this.#small.subarray(0, PREAMBLE_BYTES + INLINE_BYTES));
    finishOpening(decipher, this.#small.subarray(PREAMBLE_BYTES + INLINE_BYTES));
    this.#preamble.read(plain);
    const [first] = this.#preamble.lengths;
    this.#first = roomIn(this.#first, Math.max(first, INLINE_BYTES));
    this.#first.set(plain.subarray(PREAMBLE_BYTES));
    if (first <= INLINE_BYTES) {
      this.#firstThere();
      return;
    }
    this.#sections.add('firstRest', first - INLINE_BYTES);
    this.#sections.add('firstPadding', blockPadding(first));
    this.#sections.add('tag', AUTH_TAG_BYTES);
  }

  #firstThere(): void {
    const { tag, lengths } = this.#preamble;
    if (tag === TAG_MESSAGE) this.#header.read(this.#first.subarray(0, lengths[0]));
  }

  #epilogue(): void {
    const small = this.#small;
    checkLateStatus(small.readUInt8(0));
    if (this.#secure !== null) return;
    const [, front, middle, data] = this.#preamble.lengths;
    checkCrc('the front', crc32c(CRC_SEED, this.#front.subarray(0, front)), small.readUInt32LE(1));
    checkCrc('the middle', crc32c(CRC_SEED, this.#middle.subarray(0, middle)), small.readUInt32LE(5), middle);
    checkCrc('the data', this.#dataCrc, small.readUInt32LE(9), data);
  }

  #dispatch(): void {
    const { tag, lengths } = this.#preamble;
    const [first, front] = lengths;
    if (tag !== TAG_MESSAGE) {
      this.#inbox.control(tag, this.#reader.reset(this.#first.subarray(0, first), `frame ${tag}`));
      return;
    }
    const data = this.#data;
    this.#data = NOTHING;
    this.#reader.reset(this.#front.subarray(0, front), `message ${this.#header.type}`);
    this.#inbox.message(this.#header, this.#reader, data);
    if (this.#front.length > REUSE_BYTES_MAX) this.#front = NOTHING;
    if (this.#middle.length > REUSE_BYTES_MAX) this.#middle = NOTHING;
  }
}

/** A segment that is left out has no crc to compare. */
function checkCrc(what: string, computed: number, told: number, bytes = 1): void {
  if (bytes > 0 && computed !== told) throw new DencError(what, 'its crc is another');
}

function roomIn(buffer: Buffer, bytes: number): Buffer {
  return bytes <= buffer.length
    ? buffer
    : Buffer.allocUnsafeSlow(Math.max(bytes, 2 * Math.min(buffer.length, REUSE_BYTES_MAX)));
}
