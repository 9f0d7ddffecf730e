// What the mock's RPC layer asks of a program: NFS of either version, MOUNT, the portmapper.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import type { Credentials } from './rpc.js';

export interface Call {
  readonly xid: number;
  readonly version: number;
  readonly procedure: number;
  readonly credentials: Credentials;
  /** Number of the connection that it came on. */
  readonly connection: number;
  /** All of it, from the xid on. */
  readonly message: Buffer;
}

/** A call whose arguments are decoded wholly. */
export interface Work {
  /** Of v3 its procedure; of v4 COMPOUND and its operations, in order. */
  readonly names: readonly string[];
  /** The procedure or operation in it that must not be carried out twice; null: none is harmful. */
  readonly harmful: string | null;
  /** Where in the message begins what makes two calls the same: what differs in every call (slots, sequence) lies before. */
  readonly bodyAt: number;
  /** Carries it out and writes the results. */
  run(out: XdrWriter, struck: Struck): void;
  /** When it ran its harmful part was not come to: refused before, or answered as before. */
  isWithoutHarm?(): boolean;
  /** Its answer has left, or the connection for it is gone. */
  settled?(): void;
}

export interface Program {
  readonly number: number;
  readonly name: string;
  /** The lowest and the highest version. */
  readonly versions: readonly [number, number];
  hasVersion(version: number): boolean;
  /** Null: there is no such procedure. Throws XdrError. */
  decode(call: Call, arguments_: XdrReader): Work | null;
}

export const PROGRAMS = { portmap: 100000, nfs: 100003, mount: 100005 } as const;

/** A procedure without arguments and results. */
export function nullWork(name = 'NULL'): Work {
  return { names: [name], harmful: null, bodyAt: 0, run: () => undefined };
}
