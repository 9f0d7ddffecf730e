// A client of a fake NFSv4 server, and the reads and writes of a test as promises.
import { SegmentList } from '../../../src/plan/request.js';
import type { Committed, IoCall, NfsOpenFile, NfsProtocol } from '../../../src/targets/nfs/protocol.js';
import { ProtocolV4 } from '../../../src/targets/nfs/v4/protocol-v4.js';
import type { Cleanup } from '../../support/temp.js';
import type { FakeServer } from './fake-server.js';

export interface ClientOptions {
  readonly minorVersion?: 1 | 2;
  readonly timeoutMs?: number;
  readonly hard?: boolean;
}

export async function startClient(t: Cleanup, server: FakeServer, options: ClientOptions = {}): Promise<ProtocolV4> {
  const { minorVersion = 1, timeoutMs = 30_000, hard = false } = options;
  const settings = { timeoutMs, hard, ioBytesMax: 1 << 20 };
  const protocol = await ProtocolV4.start({ rpc: server, minorVersion, settings, path: '' });
  t.after(async () => {
    server.fault = () => undefined;
    server.refuse = () => 0;
    await protocol.close();
  });
  return protocol;
}

export interface Written {
  readonly bytes: number;
  readonly committed: Committed;
  readonly verifier: bigint;
}

export interface Read {
  readonly data: Buffer;
  readonly end: boolean;
}

/** What a failed call says besides its error. */
export class IoFailure extends Error {
  readonly unsent: boolean;

  constructor(cause: Error, unsent: boolean) {
    super(cause.message, { cause });
    this.unsent = unsent;
  }
}

function segmentsOf(data: Uint8Array): SegmentList {
  const segments = new SegmentList();
  segments.push(data.buffer, data.byteOffset, data.length, false);
  return segments;
}

/** The call, for `abandon`, and what becomes of it. */
export function startWrite(
  protocol: NfsProtocol,
  file: NfsOpenFile,
  offset: number,
  data: Uint8Array,
  stable: Committed = 0,
): { call: IoCall; done: Promise<Written> } {
  let call: IoCall | undefined;
  const done = new Promise<Written>((resolve, reject) => {
    call = {
      file,
      offset,
      bytes: data.length,
      segments: segmentsOf(data),
      readDone: () => reject(new Error('a WRITE was answered as a READ')),
      writeDone: (bytes, committed, verifier) => resolve({ bytes, committed, verifier }),
      failed: (error, unsent) => reject(new IoFailure(error, unsent)),
    };
    protocol.startWrite(call, stable);
  });
  if (call === undefined) throw new Error('a promise runs its function at once');
  return { call, done };
}

export function write(
  protocol: NfsProtocol,
  file: NfsOpenFile,
  offset: number,
  data: Uint8Array,
  stable: Committed = 0,
): Promise<Written> {
  return startWrite(protocol, file, offset, data, stable).done;
}

export function read(protocol: NfsProtocol, file: NfsOpenFile, offset: number, bytes: number): Promise<Read> {
  const data = Buffer.alloc(bytes);
  return new Promise((resolve, reject) => {
    protocol.startRead({
      file,
      offset,
      bytes,
      segments: segmentsOf(data),
      readDone: (count, end) => resolve({ data: data.subarray(0, count), end }),
      writeDone: () => reject(new Error('a READ was answered as a WRITE')),
      failed: (error, unsent) => reject(new IoFailure(error, unsent)),
    });
  });
}
