// A client without manners for tests of the mock: it sends what it is told, and shows every record that comes back.
import { connect, type Socket } from 'node:net';
import { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Cleanup } from '../../support/temp.js';
import { LOOPBACK } from '../ports.js';
import { PROGRAMS } from './program.js';
import { frame, RecordReader } from './records.js';
import { SESSION_ID_BYTES } from './v4-codec.js';

const RECORD_BYTES_MAX = 16 * 1024 * 1024;
const ACCEPTED_BYTES = 24;

export interface RawCall {
  readonly program?: number;
  readonly version?: number;
  readonly procedure: number;
  readonly xid?: number;
  readonly write?: (xdr: XdrWriter) => void;
}

export interface RawReply {
  readonly xid: number;
  readonly bytes: Buffer;
  /** Behind the head of an accepted reply. */
  readonly results: XdrReader;
}

export class RawClient {
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #records: RecordReader = new RecordReader(RECORD_BYTES_MAX);
  readonly #received: Buffer[] = [];
  readonly #waiting: ((record: Buffer) => void)[] = [];
  #xids = 1000;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      for (const record of this.#records.push(bytes)) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) this.#received.push(record);
        else waiting(record);
      }
    });
    // A reset is an end as well.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(t: Cleanup, port: number): Promise<RawClient> {
    const socket = connect(port, LOOPBACK);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    t.after(() => void socket.destroy());
    return new RawClient(socket);
  }

  /** Gives the xid. */
  send(call: RawCall): number {
    const xid = call.xid ?? ++this.#xids;
    const xdr = new XdrWriter();
    const head = [xid, 0, 2, call.program ?? PROGRAMS.nfs, call.version ?? 3, call.procedure];
    // AUTH_SYS: stamp, empty machine name, root, no groups; AUTH_NONE.
    for (const word of [...head, 1, 20, 0, 0, 0, 0, 0, 0, 0]) xdr.u32(word);
    call.write?.(xdr);
    this.sendBytes(frame(xdr.bytes, Number.POSITIVE_INFINITY));
    return xid;
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next record, whatever it is. */
  async next(): Promise<RawReply> {
    const bytes = this.#received.shift() ?? (await new Promise<Buffer>((resolve) => this.#waiting.push(resolve)));
    return { xid: bytes.readUInt32BE(0), bytes, results: new XdrReader(bytes.subarray(ACCEPTED_BYTES)) };
  }

  /** How many records have come that nobody asked for. */
  get left(): number {
    return this.#received.length;
  }

  async ask(call: RawCall): Promise<RawReply> {
    this.send(call);
    return await this.next();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** v3: the handle that MNT gives for a path. */
export async function mountV3(t: Cleanup, mountPort: number, path: string): Promise<Uint8Array> {
  const client = await RawClient.connect(t, mountPort);
  const { results } = await client.ask({ program: PROGRAMS.mount, procedure: 1, write: (xdr) => xdr.string(path) });
  if (results.u32() !== 0) throw new Error(`${path} cannot be mounted`);
  return results.opaqueCopy(64);
}

/** One operation of a COMPOUND. */
export type RawOperation = readonly [number: number, write?: (xdr: XdrWriter) => void];

export interface Compounded {
  readonly status: number;
  /** Stands at the first result: its operation's number, its status, what follows. */
  readonly results: XdrReader;
}

/** NFSv4 over a raw client: COMPOUNDs, and a session whose slots and numbers the test chooses. */
export class RawV4 {
  readonly client: RawClient;
  readonly minor: number;
  session: Uint8Array = new Uint8Array(SESSION_ID_BYTES);

  constructor(client: RawClient, minor = 1) {
    this.client = client;
    this.minor = minor;
  }

  send(operations: readonly RawOperation[], xid?: number): number {
    return this.client.send({
      version: 4,
      procedure: 1,
      ...(xid === undefined ? {} : { xid }),
      write: (xdr) => {
        xdr.string('');
        xdr.u32(this.minor);
        xdr.u32(operations.length);
        for (const [number, write] of operations) {
          xdr.u32(number);
          write?.(xdr);
        }
      },
    });
  }

  async next(): Promise<Compounded> {
    const { results } = await this.client.next();
    const status = results.u32();
    results.string(1024);
    results.u32();
    return { status, results };
  }

  async ask(...operations: RawOperation[]): Promise<Compounded> {
    this.send(operations);
    return await this.next();
  }

  sequence(slot: number, sequence: number, cacheThis = false): RawOperation {
    return [
      53,
      (xdr) => {
        xdr.fixed(this.session);
        for (const word of [sequence, slot, slot]) xdr.u32(word);
        xdr.bool(cacheThis);
      },
    ];
  }

  /** EXCHANGE_ID and CREATE_SESSION; gives the client id. */
  async begin(owner: string, verifier = 7n): Promise<bigint> {
    const { results } = await this.ask([
      42,
      (xdr) => {
        xdr.u64(verifier);
        xdr.string(owner);
        for (const word of [0x10000, 0, 0]) xdr.u32(word);
      },
    ]);
    results.skip(8);
    const client = results.u64();
    const sequence = results.u32();
    const created = await this.ask([
      43,
      (xdr) => {
        xdr.u64(client);
        xdr.u32(sequence);
        xdr.u32(0);
        for (let channel = 0; channel < 2; channel++)
          for (const word of [0, 1_100_000, 1_100_000, 4096, 16, 8, 0]) xdr.u32(word);
        xdr.u32(0x40000000);
        xdr.u32(0);
      },
    ]);
    if (created.status !== 0) throw new Error(`no session: ${created.status}`);
    created.results.skip(8);
    this.session = created.results.fixed(SESSION_ID_BYTES).slice();
    return client;
  }
}
