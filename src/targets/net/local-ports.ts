// Which port a connection comes from: the one of before, one below 1024, or whichever the kernel gives.
import { randomInt } from 'node:crypto';
import type { Address } from './transport.js';

/** The range that Linux's own client takes: above the ports that /etc/services knows (include/linux/sunrpc/xprtsock.h). */
const RESERVED_PORT_MIN = 665;
const RESERVED_PORT_MAX = 1023;

/** Ports that are tried before one that is not reserved is taken. */
const RESERVED_PORT_TRIES = 32;

export class LocalPorts {
  readonly #address: Address;
  #tries = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  /** To come from, at the next try; null: the kernel chooses. */
  next(): number | null {
    const { localPort, privilegedPort } = this.#address;
    const first = this.#tries++ === 0;
    if (first && localPort !== null) return localPort;
    if (!privilegedPort || this.#tries > RESERVED_PORT_TRIES) return null;
    return randomInt(RESERVED_PORT_MIN, RESERVED_PORT_MAX + 1);
  }
}

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
}

/** Of several addresses of a host, the first one's. */
export function firstOf(error: Error): SystemError {
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return first instanceof Error ? first : error;
}

/**
 * `taken`: the port is somebody's, or was a moment ago with the same server. `forbidden`: this process may not have one
 * like it. Null: it is not the port's fault.
 */
export function portFailure(error: Error): 'taken' | 'forbidden' | null {
  const { code, syscall } = firstOf(error);
  if (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') return 'taken';
  return syscall === 'bind' ? 'forbidden' : null;
}
