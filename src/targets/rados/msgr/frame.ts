// Frames of messenger v2.1 (docs.ceph.com, dev/msgr2): tags, preamble, epilogue, and how long each part may be.

import { crc32c } from '../crc32c/crc32c.js';
import { DencError } from '../denc/error.js';
import type { DencWriter } from '../denc/writer.js';

export const TAG_HELLO = 1;
export const TAG_AUTH_REQUEST = 2;
export const TAG_AUTH_BAD_METHOD = 3;
export const TAG_AUTH_REPLY_MORE = 4;
export const TAG_AUTH_REQUEST_MORE = 5;
export const TAG_AUTH_DONE = 6;
export const TAG_AUTH_SIGNATURE = 7;
export const TAG_CLIENT_IDENT = 8;
export const TAG_SERVER_IDENT = 9;
export const TAG_IDENT_MISSING_FEATURES = 10;
export const TAG_WAIT = 16;
export const TAG_MESSAGE = 17;
export const TAG_KEEPALIVE2 = 18;
export const TAG_KEEPALIVE2_ACK = 19;
export const TAG_ACK = 20;

/** con_mode of AUTH_REQUEST and AUTH_DONE. */
export const MODE_CRC = 1;
export const MODE_SECURE = 2;

export const BANNER = 'ceph v2\n';
/** What the banner's payload begins with: its length. */
export const BANNER_HEAD_BYTES: number = BANNER.length + 2;
/** Supported and required features. */
export const BANNER_PAYLOAD_BYTES = 16;
/** CEPH_MSGR2_FEATURE_REVISION_1: frames as in here. */
export const FEATURE_REVISION_1 = 1n;

export const SEGMENTS_MAX = 4;
export const PREAMBLE_BYTES = 32;
export const CRC_BYTES = 4;
/** In crc mode: the status, and a crc for each segment but the first. */
export const EPILOGUE_CRC_BYTES: number = 1 + 3 * CRC_BYTES;
/** In secure mode: the status, and what fills a block of AES. */
export const EPILOGUE_SECURE_BYTES = 16;
export const BLOCK_BYTES = 16;
/** GCM's. */
export const AUTH_TAG_BYTES = 16;
/** What of the first segment is sealed together with the preamble. */
export const INLINE_BYTES = 48;
export const SEALED_PREAMBLE_BYTES: number = PREAMBLE_BYTES + INLINE_BYTES + AUTH_TAG_BYTES;

/** FRAME_LATE_STATUS: the sender meant the frame. */
export const LATE_COMPLETE = 0x0e;
const LATE_MASK = 0x0f;

/** A frame of no message: tickets are the longest, with a few hundred bytes each. */
const CONTROL_BYTES_MAX = 64 * 1024;
/** A full OSD map of ten thousand OSDs has a few megabytes. */
const FRONT_BYTES_MAX = 64 * 1024 * 1024;
const MIDDLE_BYTES_MAX = 1024 * 1024;
/** osd_max_object_size is 128 MiB, and nobody reads more than an object at once. */
const DATA_BYTES_MAX = 256 * 1024 * 1024;

/** The segments' crc begins with all ones, the preamble's with 0; neither is inverted at its end. */
export const CRC_SEED = 0xffffffff;
const PREAMBLE_CRC_AT = 28;

/** What the receiver is to align a segment to: page caches like data on pages. */
const SEGMENT_ALIGNMENT = 8;
const DATA_ALIGNMENT = 4096;

/** What is missing to a multiple of AES's block. */
export function blockPadding(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Trailing segments that are empty are left out, but for the first. */
function segmentsOf(front: number, middle: number, data: number): number {
  if (data > 0) return 4;
  if (middle > 0) return 3;
  return front > 0 ? 2 : 1;
}

/** Appends a preamble, and says how many segments it tells of. */
export function writePreamble(writer: DencWriter, tag: number, first: number, front = 0, middle = 0, data = 0): number {
  const count = segmentsOf(front, middle, data);
  const at = writer.length;
  writer.u8(tag);
  writer.u8(count);
  writeSegment(writer, first, SEGMENT_ALIGNMENT);
  writeSegment(writer, front, SEGMENT_ALIGNMENT);
  writeSegment(writer, middle, SEGMENT_ALIGNMENT);
  writeSegment(writer, data, DATA_ALIGNMENT);
  writer.u16(0);
  writer.u32(crc32c(0, writer.bytes.subarray(at, at + PREAMBLE_CRC_AT)));
  return count;
}

function writeSegment(writer: DencWriter, bytes: number, alignment: number): void {
  writer.u32(bytes);
  writer.u16(bytes > 0 ? alignment : 0);
}

/** What a frame's preamble says; filled again for each frame. */
export class Preamble {
  tag = 0;
  count = 0;
  /** Of the segments; 0 beyond `count`. */
  readonly lengths: [number, number, number, number] = [0, 0, 0, 0];

  /** Throws EBADMSG where it makes no sense, or where a segment is longer than any can be. */
  read(bytes: Buffer): void {
    if (crc32c(0, bytes.subarray(0, PREAMBLE_CRC_AT)) !== bytes.readUInt32LE(PREAMBLE_CRC_AT))
      throw new DencError('a preamble', 'its crc is another');
    this.tag = bytes.readUInt8(0);
    this.count = bytes.readUInt8(1);
    if (this.count < 1 || this.count > SEGMENTS_MAX) throw new DencError('a preamble', `it has ${this.count} segments`);
    for (let i = 0; i < SEGMENTS_MAX; i++) this.lengths[i] = i < this.count ? bytes.readUInt32LE(2 + 6 * i) : 0;
    const isMessage = this.tag === TAG_MESSAGE;
    if (!isMessage && this.count > 1) throw new DencError('a preamble', `tag ${this.tag} has ${this.count} segments`);
    const [first, front, middle, data] = this.lengths;
    const excess =
      first > CONTROL_BYTES_MAX || front > FRONT_BYTES_MAX || middle > MIDDLE_BYTES_MAX || data > DATA_BYTES_MAX;
    if (excess) throw new DencError('a preamble', `segments of ${this.lengths.join(', ')} bytes`);
  }
}

/** The first byte of an epilogue. */
export function checkLateStatus(status: number): void {
  if ((status & LATE_MASK) !== LATE_COMPLETE) throw new DencError('an epilogue', 'its sender took the frame back');
}
