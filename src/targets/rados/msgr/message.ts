// Messages in frames: ceph_msg_header2, the types that clients send and get, and a message that is to be sent.
import { TWO_32 } from '../../../base/integers.js';
import type { SegmentList } from '../../../plan/request.js';
import { DencError } from '../denc/error.js';
import type { DencWriter } from '../denc/writer.js';

export const MESSAGE_HEADER_BYTES = 41;

/** include/msgr.h and messages/. */
export const MSG_MON_MAP = 4;
export const MSG_MON_SUBSCRIBE = 15;
export const MSG_AUTH = 17;
export const MSG_AUTH_REPLY = 18;
export const MSG_MON_GET_VERSION = 19;
export const MSG_MON_GET_VERSION_REPLY = 20;
export const MSG_OSD_MAP = 41;
export const MSG_OSD_OP = 42;
export const MSG_OSD_OP_REPLY = 43;
export const MSG_MON_COMMAND = 50;
export const MSG_MON_COMMAND_ACK = 51;
export const MSG_OSD_BACKOFF = 61;

/** CEPH_MSG_PRIO_DEFAULT. */
const PRIORITY = 127;

/** Filled again for each message. */
export class MessageHeader {
  seq = 0;
  /** Of the message that this one answers, if it does. */
  tid = 0;
  type = 0;
  version = 0;
  compatVersion = 0;

  read(bytes: Buffer): void {
    if (bytes.length !== MESSAGE_HEADER_BYTES) throw new DencError('a message', `its header has ${bytes.length} bytes`);
    this.seq = readU64(bytes, 0);
    this.tid = readU64(bytes, 8);
    this.type = bytes.readUInt16LE(16);
    this.version = bytes.readUInt16LE(20);
    this.compatVersion = bytes.readUInt16LE(37);
  }
}

/** What is above 2^53 is nothing of ours: it may be rounded. */
function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}

/** To be sent; its owner may send it again, on another connection. */
export interface OutgoingMessage {
  readonly type: number;
  readonly version: number;
  readonly compatVersion: number;
  /** 0: it has no answer. */
  readonly tid: number;
  /** Writes the front; called when its turn to be sent has come, and again where it is sent again. */
  encode(writer: DencWriter): void;
  /** The data segment: the first `payloadBytes` of these, which go out as they lie. */
  readonly payload: SegmentList | null;
  readonly payloadBytes: number;
}

export function writeMessageHeader(
  writer: DencWriter,
  { tid, type, version, compatVersion }: OutgoingMessage,
  seq: number,
  ackSeq: number,
): void {
  writer.size(seq);
  writer.size(tid);
  writer.u16(type);
  writer.u16(PRIORITY);
  writer.u16(version);
  writer.u32(0); // data_pre_padding_len
  writer.u16(0); // data_off
  writer.size(ackSeq);
  writer.u8(0); // flags
  writer.u16(compatVersion);
  writer.u16(0);
}
