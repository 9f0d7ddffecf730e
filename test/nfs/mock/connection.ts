// One TCP connection of the mock: calls come in as records, replies leave in order, out of order, or mangled.
import type { Socket } from 'node:net';
import { Prng } from '../../../src/targets/sim/index.js';
import type { Struck } from './faults.js';
import type { MockSettings } from './options.js';
import { frame, RecordReader } from './records.js';

/** Above any WRITE: a client that sends more is wrong. */
const RECORD_BYTES_MAX = 80 * 1024 * 1024;
const WRONG_XID_FLIP = 0x5a5a5a5a;

interface Reply {
  readonly bytes: Buffer;
  readonly struck: Struck | null;
  /** How many others must leave before it. */
  behind: number;
  /** Called when it has left, whole or not, or never will. */
  readonly settled: (isAnswered: boolean) => void;
}

export interface ConnectionHost {
  received(connection: Connection, record: Buffer): void;
  /** It is over, whoever ended it. */
  closed(connection: Connection): void;
  violation(text: string): void;
}

export class Connection {
  readonly number: number;
  /** The client's port. */
  readonly peerPort: number;
  readonly #socket: Socket;
  readonly #settings: MockSettings;
  readonly #host: ConnectionHost;
  readonly #records: RecordReader = new RecordReader(RECORD_BYTES_MAX);
  readonly #prng: Prng | null;
  #waiting: Reply[] = [];
  #isFlushing = false;
  /** Nothing more leaves, though it is open. */
  #isStalled = false;

  constructor(number: number, socket: Socket, settings: MockSettings, host: ConnectionHost) {
    this.number = number;
    this.peerPort = socket.remotePort ?? 0;
    this.#socket = socket;
    this.#settings = settings;
    this.#host = host;
    this.#prng = settings.shuffleSeed === null ? null : new Prng(settings.shuffleSeed, number);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    // A client may reset the connection whenever it likes; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#closed());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }

  /** The reply leaves in this turn's end, with what else came to be answered in it. */
  reply(bytes: Buffer, struck: Struck | null, settled: (isAnswered: boolean) => void): void {
    if (!this.isOpen) {
      settled(false);
      return;
    }
    this.#waiting.push({ bytes, struck, behind: struck?.message('behind')?.replies ?? 0, settled });
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  /** A message of the server's own. */
  send(bytes: Buffer): void {
    this.#write(frame(bytes, this.#settings.fragmentBytes));
  }

  #received(bytes: Buffer): void {
    try {
      for (const record of this.#records.push(bytes)) {
        if (!this.isOpen) return;
        this.#host.received(this, record);
      }
    } catch (error) {
      this.#host.violation(`connection ${this.number}: ${error instanceof Error ? error.message : String(error)}`);
      this.destroy();
    }
  }

  #closed(): void {
    for (const reply of this.#waiting.splice(0)) reply.settled(false);
    this.#host.closed(this);
  }

  #flush(): void {
    for (;;) {
      const ready = this.#waiting.filter((reply) => reply.behind <= 0);
      const next = ready[this.#prng === null ? 0 : this.#prng.below(Math.max(1, ready.length))];
      if (next === undefined || !this.isOpen) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      for (const reply of this.#waiting) reply.behind -= 1;
      next.settled(this.#leave(next));
    }
  }

  /** Whether it left as it should. */
  #leave({ bytes, struck }: Reply): boolean {
    if (this.#isStalled) return false;
    const fragment = this.#settings.fragmentBytes;
    if (struck === null) {
      this.#write(frame(bytes, fragment));
      return true;
    }
    let reply = bytes;
    const garbage = struck.message('garbage');
    if (garbage !== undefined) this.#write(Buffer.from(garbage.bytes));
    const wrong = struck.message('wrongXid');
    if (wrong !== undefined) {
      const other = Buffer.from(reply);
      other.writeUInt32BE((other.readUInt32BE(0) ^ WRONG_XID_FLIP) >>> 0, 0);
      this.#write(frame(other, fragment));
      if (!wrong.right) return false;
    }
    reply = struck.message('mutate')?.mutate(reply) ?? reply;
    const truncate = struck.message('truncate');
    if (truncate !== undefined) reply = reply.subarray(0, truncate.bytes);
    const framed = frame(reply, fragment, struck.message('mark')?.bytes);
    const cut = struck.message('cut');
    this.#write(cut === undefined ? framed : framed.subarray(0, cut.bytes));
    if (struck.message('twice') !== undefined) this.#write(framed);
    if (cut?.end === 'drop') this.#socket.end();
    if (cut?.end === 'stall') this.#isStalled = true;
    return framed.equals(frame(bytes, fragment)) && cut === undefined;
  }

  #write(bytes: Buffer): void {
    if (this.#isStalled) return;
    const { chunkBytes } = this.#settings;
    for (let at = 0; at < bytes.length; at += chunkBytes) this.#socket.write(bytes.subarray(at, at + chunkBytes));
  }
}
