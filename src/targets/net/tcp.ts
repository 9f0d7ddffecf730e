// The transport over TCP: node:net, reading straight into the memory that its user names.
import { connect, type Socket } from 'node:net';
import { assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import type { SegmentList } from '../../plan/request.js';
import { firstOf, LocalPorts, portFailure } from './local-ports.js';
import { READ_DIRECT_BYTES } from './sink-cursor.js';
import { systemError } from './system-error.js';
import { type Address, addressName, type MakeTransport, type Transport, type TransportUser } from './transport.js';
import { gatherViews } from './views.js';

export const connectTcp: MakeTransport = (address, user) => new TcpTransport(address, user);

function nothing(): void {}

class TcpTransport implements Transport {
  readonly #address: Address;
  readonly #user: TransportUser;
  #socket: Socket;
  readonly #deadline: NodeJS.Timeout;
  readonly #ports: LocalPorts;
  readonly directBytes: number = READ_DIRECT_BYTES;
  readonly #payload: Uint8Array[] = [];
  #connected = false;
  #ended = false;
  #localPort: number | null = null;
  /** The server said that it sends no more: what is shut down already cannot be reset. */
  #half = false;
  #kept = true;
  readonly #sent: () => void = () => {
    if (!this.#ended) this.#user.sent();
  };

  readonly #resume: () => void = () => {
    if (!this.#ended) this.#socket.resume();
  };

  constructor(address: Address, user: TransportUser) {
    this.#address = address;
    this.#ports = new LocalPorts(address);
    this.#user = user;
    this.#deadline = setTimeout(() => {
      this.#end(systemError('ETIMEDOUT', `no connection to ${addressName(address)} in ${address.timeoutMs} ms`));
    }, address.timeoutMs);
    this.#socket = this.#open(this.#ports.next());
  }

  get localPort(): number | null {
    return this.#localPort;
  }

  #open(localPort: number | null): Socket {
    const { host, port } = this.#address;
    const socket = connect({
      host,
      port,
      ...(localPort === null ? {} : { localPort }),
      noDelay: true,
      onread: {
        buffer: () => this.#user.nextBuffer(),
        callback: (bytes) => this.#received(bytes),
      },
    });
    socket.on('connect', () => this.#onConnect());
    socket.on('error', (error) => this.#onError(error, localPort));
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose(socket));
    return socket;
  }

  /** libuv would go on reading, 32 times (uv__read), for as long as there is something. */
  #received(bytes: number): boolean {
    if (this.#ended) return false;
    const goOn = this.#user.received(bytes, 0);
    if (!goOn) setImmediate(this.#resume);
    return goOn;
  }

  #onConnect(): void {
    if (this.#ended) return;
    clearTimeout(this.#deadline);
    this.#connected = true;
    this.#localPort = this.#socket.localPort ?? null;
    this.#user.connected();
  }

  #onError(error: Error, localPort: number | null): void {
    if (this.#ended) return;
    const failure = this.#connected || localPort === null ? null : portFailure(error);
    if (failure === null) {
      this.#end(this.#broken(error));
      return;
    }
    this.#socket.destroy();
    this.#socket = this.#open(failure === 'taken' ? this.#ports.next() : null);
    this.keepAlive(this.#kept);
  }

  #onEnd(): void {
    this.#half = true;
    this.#end(systemError('ECONNRESET', `${addressName(this.#address)} closed the connection`));
  }

  #broken(error: Error): DioriteError {
    const name = addressName(this.#address);
    const { code = 'EIO' } = firstOf(error);
    return systemError(code, this.#connected ? `the connection to ${name} broke` : `no connection to ${name}`, error);
  }

  #onClose(socket: Socket): void {
    // A socket that made way for one with another port is not the end.
    if (socket === this.#socket)
      this.#end(systemError('ECONNRESET', `the connection to ${addressName(this.#address)} is closed`));
  }

  #end(error: DioriteError): void {
    if (this.#ended) return;
    this.destroy(false);
    this.#user.closed(error);
  }

  load(segments: SegmentList, bytes: number): void {
    try {
      gatherViews(segments, bytes, this.#payload);
    } catch (error) {
      this.#payload.length = 0;
      throw error;
    }
  }

  send(parts: readonly Uint8Array[]): void {
    assert(this.#connected && !this.#ended, 'only a connection sends');
    const socket = this.#socket;
    const payload = this.#payload;
    let rest = parts.length + payload.length;
    const write = (part: Uint8Array): void => void socket.write(part, --rest === 0 ? this.#sent : nothing);
    // Corked writes leave as one writev, of which only the last tells.
    if (rest > 1) socket.cork();
    for (let i = 0; i < parts.length; i++) {
      write(parts[i] as Uint8Array);
      if (i === 0) for (const piece of payload) write(piece);
    }
    payload.length = 0;
    socket.uncork();
  }

  destroy(reset: boolean, then?: () => void): void {
    this.#ended = true;
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    if (then !== undefined) {
      if (socket.closed) queueMicrotask(then);
      else socket.once('close', then);
    }
    // Either closes the descriptor before it returns: libuv neither reads nor writes from then on.
    if (reset && this.#connected && !this.#half && !socket.destroyed) socket.resetAndDestroy();
    else socket.destroy();
  }

  keepAlive(keep: boolean): void {
    this.#kept = keep;
    if (keep) this.#socket.ref();
    else this.#socket.unref();
    if (keep) this.#deadline.ref();
    else this.#deadline.unref();
  }
}
