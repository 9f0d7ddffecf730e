// A TCP connection made by the ring: each address of the host in turn, each from the ports that may be had.
import { type LookupAddress, lookup } from 'node:dns';
import { getSystemErrorName } from 'node:util';
import type { Addon } from '../../memory/addon.js';
import type { AddressOf } from '../file/engines/iovecs.js';
import type { Ring } from '../file/engines/ring.js';
import { OP_CONNECT } from '../file/engines/uring-abi.js';
import { LocalPorts, portFailure } from './local-ports.js';
import { RingCall } from './ring-call.js';
import { familyOf, SOCKADDR_BYTES_MAX, writeSockaddr } from './sockaddr.js';
import { systemError } from './system-error.js';
import { type Address, addressName } from './transport.js';

/** As long as there are others, an address has two repeats of its SYN, after 1 and 3 s (RFC 6298), to be heard. */
const ADDRESS_MS_MAX = 4000;

/** What all connections of an isolate have in common. */
export interface RingHost {
  readonly ring: Ring;
  readonly addon: Addon;
  readonly addressOf: AddressOf;
}

export interface Dialed {
  /** The descriptor is the caller's from now on. */
  connected(fd: number): void;
  failed(error: Error): void;
}

/** Calls back once, later than it is made; not after `stop`. */
export class RingDialer {
  readonly #host: RingHost;
  readonly #address: Address;
  readonly #dialed: Dialed;
  readonly #deadlineMs: number;
  readonly #call: RingCall;
  readonly #sockaddr: DataView;
  readonly #release: () => void;
  #timer: NodeJS.Timeout;
  #ports: LocalPorts;
  #left: LookupAddress[] = [];
  #current = '';
  #localPort: number | null = null;
  #fd = -1;
  /** Of the first address that failed. */
  #error: Error | null = null;
  #timedOut = false;
  #kept = true;
  #ended = false;
  #stopped: (() => void) | null = null;

  constructor(host: RingHost, address: Address, dialed: Dialed) {
    this.#host = host;
    this.#address = address;
    this.#dialed = dialed;
    this.#deadlineMs = performance.now() + address.timeoutMs;
    this.#ports = new LocalPorts(address);
    const { buffer, handle } = host.addon.regionCreate(SOCKADDR_BYTES_MAX);
    this.#sockaddr = new DataView(buffer);
    this.#release = () => {
      host.addon.regionDetach(buffer);
      host.addon.regionRelease(handle);
    };
    this.#call = new RingCall(host.ring, (result) => this.#onResult(result));
    this.#timer = this.#startTimer(address.timeoutMs);
    lookup(address.host, { all: true }, (error, addresses) => {
      if (this.#ended) return;
      this.#left = [...(addresses ?? [])];
      if (error !== null) this.#error = error;
      this.#next();
    });
  }

  /** Gives up; `then` is called when nothing is left of it. */
  stop(then: () => void): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#call.keepAlive(true);
    this.#call.cancel();
    this.#stopped = then;
    if (!this.#call.busy) this.#clean();
  }

  keepAlive(keep: boolean): void {
    this.#kept = keep;
    this.#call.keepAlive(keep);
    if (keep) this.#timer.ref();
    else this.#timer.unref();
  }

  #startTimer(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#onTimeout(), ms);
    return this.#kept ? timer : timer.unref();
  }

  #onTimeout(): void {
    this.#timedOut = true;
    if (this.#call.busy) this.#call.cancel();
    // It waited for the name, or for room in the ring.
    if (!this.#call.busy) this.#fail(this.#timeout());
  }

  #timeout(): Error {
    const { timeoutMs } = this.#address;
    return systemError('ETIMEDOUT', `no connection to ${addressName(this.#address)} in ${timeoutMs} ms`);
  }

  /** The next address, with its part of the time that is left. */
  #next(): void {
    const next = this.#left.shift();
    if (next === undefined) {
      this.#fail(this.#error ?? systemError('ENOTFOUND', `${this.#address.host} has no address`));
      return;
    }
    this.#current = next.address;
    this.#ports = new LocalPorts(this.#address);
    clearTimeout(this.#timer);
    this.#timedOut = false;
    const leftMs = Math.max(0, this.#deadlineMs - performance.now());
    const shareMs = Math.min(ADDRESS_MS_MAX, leftMs / (this.#left.length + 1));
    this.#timer = this.#startTimer(this.#left.length === 0 ? leftMs : shareMs);
    this.#open(this.#ports.next());
  }

  #open(localPort: number | null): void {
    const { addon } = this.#host;
    const sockaddr = this.#sockaddr;
    this.#localPort = localPort;
    try {
      this.#fd = addon.socketOpen(familyOf(this.#current), localPort ?? 0);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#refused(error);
      return;
    }
    const bytes = writeSockaddr(sockaddr, this.#current, this.#address.port);
    const address = addon.addressOf(sockaddr.buffer);
    this.#call.start(OP_CONNECT, this.#fd, bytes, address, 0, 0);
  }

  #onResult(result: number): void {
    if (this.#ended) {
      this.#clean();
      return;
    }
    if (result === 0) {
      const fd = this.#fd;
      this.#fd = -1;
      this.#end();
      this.#dialed.connected(fd);
      return;
    }
    this.#closeSocket();
    if (this.#timedOut) {
      this.#error ??= this.#timeout();
      this.#next();
    } else this.#refused(connectError(result, this.#current, this.#address.port));
  }

  /** By the kernel or the server: the port may be at fault. */
  #refused(error: Error): void {
    const failure = this.#localPort === null ? null : portFailure(error);
    if (failure === null) {
      this.#error ??= error;
      this.#next();
    } else this.#open(failure === 'taken' ? this.#ports.next() : null);
  }

  #fail(error: Error): void {
    this.#end();
    this.#dialed.failed(error);
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#clean();
  }

  #closeSocket(): void {
    if (this.#fd >= 0) this.#host.addon.socketClose(this.#fd, false);
    this.#fd = -1;
  }

  #clean(): void {
    this.#closeSocket();
    if (this.#sockaddr.buffer.byteLength > 0) this.#release();
    const then = this.#stopped;
    this.#stopped = null;
    then?.();
  }
}

function connectError(result: number, host: string, port: number): Error {
  const code = getSystemErrorName(result);
  return Object.assign(new Error(`connect ${code} ${addressName({ host, port })}`), {
    code,
    errno: result,
    syscall: 'connect',
  });
}
