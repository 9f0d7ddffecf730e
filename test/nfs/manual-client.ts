// An RpcClient over transports that the test plays the other end of.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RpcCall } from '../../src/targets/nfs/rpc/call.js';
import { RpcClient, type RpcClientOptions } from '../../src/targets/nfs/rpc/rpc-client.js';
import { type ManualTransport, ManualTransports } from './manual-transport.js';
import { RecordAssembler, replyOf, ServedCall } from './scripted-server.js';

export const TEST_OPTIONS: RpcClientOptions = {
  host: 'server',
  port: 2049,
  credentials: { uid: 1, gid: 2, gids: [], machineName: 'test' },
  timeoutMs: 60_000,
  hard: false,
  privilegedPort: false,
};

export class ManualClient {
  readonly client: RpcClient;
  readonly transports: ManualTransports;

  static async connect(options: Partial<RpcClientOptions> = {}): Promise<ManualClient> {
    const transports = new ManualTransports();
    const connecting = RpcClient.connect({ ...TEST_OPTIONS, transport: transports.make, ...options });
    (await transports.at(0)).user.connected();
    return new ManualClient(await connecting, transports);
  }

  private constructor(client: RpcClient, transports: ManualTransports) {
    this.client = client;
    this.transports = transports;
  }

  /** The newest connection. */
  get transport(): ManualTransport {
    const transport = this.transports.made.at(-1);
    if (transport === undefined) throw new Error('no connection was made');
    return transport;
  }

  /** Makes the calls, and lets them be sent: those of before whose batch has left first. */
  async send(...calls: RpcCall[]): Promise<ServedCall[]> {
    for (const call of calls) this.client.call(call);
    return this.sent();
  }

  /** All that is sent on the newest connection until nothing more comes. */
  async sent(): Promise<ServedCall[]> {
    const { transport } = this;
    const served: ServedCall[] = [];
    for (;;) {
      await nextTurn();
      const batch = transport.sent.splice(0);
      if (batch.length === 0) return served;
      served.push(...callsIn(Buffer.concat(batch)));
      transport.user.sent();
    }
  }

  /** The `index`-th connection is made, and connected. */
  async reconnected(index: number): Promise<ManualTransport> {
    const transport = await this.transports.at(index);
    transport.user.connected();
    return transport;
  }
}

export function callsIn(bytes: Buffer): ServedCall[] {
  return new RecordAssembler().push(bytes).map((record) => new ServedCall(record));
}

/** A successful reply whose results are these words. */
export function wordsReply(call: ServedCall | undefined, ...words: number[]): Buffer {
  return replyOf(call?.xid ?? 0, (xdr) => {
    for (const word of words) xdr.u32(word);
  });
}

/** What a TestSink expects: status 0, a word, the payload, and a last word. */
export function payloadReply(call: ServedCall | undefined, payload: Uint8Array): Buffer {
  return replyOf(call?.xid ?? 0, (xdr) => {
    xdr.u32(0);
    xdr.u32(0x77777777);
    xdr.opaque(payload);
    xdr.u32(0x99999999);
  });
}
