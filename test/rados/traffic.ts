// What a cluster's daemons send to a client, recorded frame by frame while it works.
import type { DioriteError } from '../../src/base/errors.js';
import { connectTcp } from '../../src/targets/net/tcp.js';
import type { MessageHeader } from '../../src/targets/rados/msgr/message.js';
import { Receiver } from '../../src/targets/rados/msgr/receiver.js';
import type { ObjecterOptions } from '../../src/targets/rados/osd/objecter.js';

/** TAG_AUTH_DONE: what is signed ends with it. */
const AUTH_DONE = 6;

export interface ControlFrame {
  readonly kind: 'control';
  readonly tag: number;
  readonly payload: Buffer;
}

export interface Message {
  readonly kind: 'message';
  readonly type: number;
  readonly tid: number;
  readonly front: Buffer;
  readonly data: Buffer;
}

export class Traffic {
  /** Of one connection each, in order. Of unsealed ones alone. */
  readonly connections: (ControlFrame | Message)[][] = [];

  /** Makes connections whose incoming bytes are recorded. */
  get transport(): NonNullable<ObjecterOptions['transport']> {
    return (address, user) => {
      const receiver = this.#receiver();
      let buffer: Uint8Array = new Uint8Array(0);
      return connectTcp(address, {
        connected: () => user.connected(),
        nextBuffer: () => {
          buffer = user.nextBuffer();
          return buffer;
        },
        received: (bytes, copiedBytes) => {
          receiver.received(Buffer.from(buffer.subarray(0, bytes)), bytes);
          return user.received(bytes, copiedBytes);
        },
        sent: () => user.sent(),
        closed: (error: DioriteError) => user.closed(error),
      });
    };
  }

  #receiver(): Receiver {
    const frames: (ControlFrame | Message)[] = [];
    this.connections.push(frames);
    const receiver = new Receiver({
      banner: () => undefined,
      control: (tag, reader) => {
        frames.push({ kind: 'control', tag, payload: Buffer.from(reader.bytes(reader.remaining)) });
        if (tag === AUTH_DONE) receiver.takeRecord();
      },
      begin: () => 'keep',
      message: ({ type, tid }: MessageHeader, front, data) => {
        const bytes = Buffer.from(front.bytes(front.remaining));
        frames.push({ kind: 'message', type, tid, front: bytes, data: Buffer.from(data) });
      },
      expectsDirect: false,
    });
    return receiver;
  }
}
