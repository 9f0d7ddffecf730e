// Several connections to one server, as one: each call goes where the fewest are in flight.
import type { Rpc, RpcCall, RpcRequest } from './call.js';
import { RpcClient, type RpcClientOptions } from './rpc-client.js';

export class RpcPool implements Rpc {
  readonly name: string;
  readonly #clients: readonly RpcClient[];

  /** All connections, or none. */
  static async connect(options: RpcClientOptions, connections: number): Promise<RpcPool> {
    const tries = Array.from({ length: connections }, () => RpcClient.connect(options));
    const settled = await Promise.allSettled(tries);
    const clients = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed === undefined) return new RpcPool(clients);
    await Promise.all(clients.map((client) => client.close()));
    throw failed.reason;
  }

  private constructor(clients: readonly RpcClient[]) {
    this.#clients = clients;
    this.name = clients[0]?.name ?? '';
  }

  get inFlight(): number {
    return this.#clients.reduce((sum, client) => sum + client.inFlight, 0);
  }

  /** What one of them hears, all may hope for. */
  get isSilent(): boolean {
    return this.#clients.every((client) => client.isSilent);
  }

  /** The first of the least busy: a program that waits for each answer stays on one connection. */
  #least(): RpcClient {
    return this.#clients.reduce((least, client) => (client.inFlight < least.inFlight ? client : least));
  }

  call(call: RpcCall): void {
    this.#least().call(call);
  }

  request<T>(request: RpcRequest<T>): Promise<T> {
    return this.#least().request(request);
  }

  abandon(call: RpcCall, gone?: (answered: boolean) => void): boolean {
    return this.#clients.some((client) => client.abandon(call, gone));
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
