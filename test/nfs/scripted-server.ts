// An RPC server that does only what a test says: it hands out calls as they arrive, and writes what it is given.
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { CallHeader, SUCCESS, writeAccepted } from '../../src/targets/nfs/rpc/message.js';
import { beginRecord, endRecord, RecordParser } from '../../src/targets/nfs/rpc/record.js';
import { XdrReader } from '../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../src/targets/nfs/xdr/writer.js';

const RECORD_BYTES_MAX = 128 * 1024 * 1024;

/** Puts the pieces in which a stream arrives together to records. */
export class RecordAssembler {
  readonly #parser: RecordParser = new RecordParser(RECORD_BYTES_MAX);
  readonly #parts: Buffer[] = [];

  /** The records that end in these bytes. */
  push(bytes: Uint8Array): Buffer[] {
    const parser = this.#parser;
    const records: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (parser.inMark) at += parser.takeMark(bytes, at, bytes.length);
      else {
        const taken = Math.min(parser.fragmentRest, bytes.length - at);
        this.#parts.push(Buffer.from(bytes.subarray(at, at + taken)));
        parser.takeBody(taken);
        at += taken;
      }
      if (!parser.ended) continue;
      records.push(Buffer.concat(this.#parts.splice(0)));
      parser.next();
    }
    return records;
  }
}

/** A message as one record of one fragment. */
export function recordOf(write: (xdr: XdrWriter) => void): Buffer {
  const xdr = new XdrWriter();
  const at = beginRecord(xdr);
  write(xdr);
  endRecord(xdr, at);
  return Buffer.from(xdr.bytes);
}

/** An accepted, successful reply with these results. */
export function replyOf(xid: number, results: (xdr: XdrWriter) => void): Buffer {
  return recordOf((xdr) => {
    writeAccepted(xdr, xid, SUCCESS);
    results(xdr);
  });
}

/** Of a record of one fragment, the same record in fragments of these lengths, and the rest in one more. */
export function fragmented(record: Buffer, lengths: readonly number[]): Buffer {
  const body = record.subarray(4);
  const parts: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    parts.push(mark(length, false), body.subarray(at, at + length));
    at += length;
  }
  assert.ok(at <= body.length);
  return Buffer.concat([...parts, mark(body.length - at, true), body.subarray(at)]);
}

function mark(length: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length + (last ? 0x80000000 : 0));
  return bytes;
}

/** A call that arrived. */
export class ServedCall {
  readonly header: CallHeader = new CallHeader();
  readonly args: Buffer;
  /** Null where no socket is between. */
  readonly socket: Socket | null;

  constructor(record: Buffer, socket: Socket | null = null) {
    const reader = new XdrReader(record);
    assert.equal(this.header.read(reader), 2);
    this.args = record.subarray(reader.offset);
    this.socket = socket;
  }

  get xid(): number {
    return this.header.xid;
  }

  reply(results: (xdr: XdrWriter) => void): void {
    this.socket?.write(replyOf(this.xid, results));
  }
}

export class ScriptedServer {
  readonly sockets: Socket[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #calls: ServedCall[] = [];
  readonly #waiting: ((call: ServedCall) => void)[] = [];
  readonly #waitingForSocket: (() => void)[] = [];
  readonly #ports: Map<Socket, number | undefined> = new Map();

  static async start(host = '127.0.0.1', port = 0): Promise<ScriptedServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return new ScriptedServer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    this.port = address.port;
    server.on('connection', (socket) => this.#serve(socket));
  }

  #serve(socket: Socket): void {
    const records = new RecordAssembler();
    this.sockets.push(socket);
    this.#ports.set(socket, socket.remotePort);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      for (const record of records.push(bytes)) this.#arrived(new ServedCall(record, socket));
    });
    for (const resolve of this.#waitingForSocket.splice(0)) resolve();
  }

  #arrived(call: ServedCall): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#calls.push(call);
    else waiting(call);
  }

  /** The next call, in order of arrival. */
  next(): Promise<ServedCall> {
    const call = this.#calls.shift();
    if (call !== undefined) return Promise.resolve(call);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async nextOf(count: number): Promise<ServedCall[]> {
    const calls: ServedCall[] = [];
    while (calls.length < count) calls.push(await this.next());
    return calls;
  }

  /** The connection that was made as the `index`-th. */
  async socket(index: number): Promise<Socket> {
    for (;;) {
      const socket = this.sockets[index];
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => this.#waitingForSocket.push(resolve));
    }
  }

  /** The client's, which a socket that was destroyed has forgotten. */
  portOf(socket: Socket): number | undefined {
    return this.#ports.get(socket);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
