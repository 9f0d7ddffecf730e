// What carries connections here: the ring where there is one, node:net otherwise or on request.
import { addonProblem, loadAddon } from '../../memory/addon.js';
import { hostPages } from '../../memory/pages.js';
import { acquireUring } from '../file/engines/choose.js';
import { OP_CONNECT, OP_RECVMSG, OP_SENDMSG } from '../file/engines/uring-abi.js';
import type { RingHost } from './ring-dialer.js';
import { RingTransport } from './ring-transport.js';
import { connectTcp } from './tcp.js';
import type { MakeTransport } from './transport.js';

/** Each has a receive in flight for as long as it lasts, and files need the ring as well: more go through node:net. */
const RING_CONNECTIONS_MAX = 32;

const NEEDED_OPS: readonly number[] = [OP_SENDMSG, OP_RECVMSG, OP_CONNECT];

export interface Carrier {
  readonly name: 'uring' | 'node:net';
  /** Why it is not the ring; null when it is. */
  readonly reason: string | null;
  readonly make: MakeTransport;
}

type Host = { readonly host: RingHost } | { readonly reason: string };

/** Whether the ring can do it does not change while there is one. */
let known: Host | null = null;
let connections = 0;

/** The environment variable DIORITE_TRANSPORT=net keeps connections off the ring. It is read at each call. */
export function chooseCarrier(): Carrier {
  const found = findHost();
  if ('reason' in found) return { name: 'node:net', reason: found.reason, make: connectTcp };
  const { host } = found;
  return { name: 'uring', reason: null, make: (address, user) => connectRing(host, address, user) };
}

const connectRing = (host: RingHost, ...[address, user]: Parameters<MakeTransport>): ReturnType<MakeTransport> => {
  if (connections >= RING_CONNECTIONS_MAX) return connectTcp(address, user);
  const transport = new RingTransport(host, address, user, () => {
    connections--;
  });
  connections++;
  return transport;
};

function findHost(): Host {
  if (process.env.DIORITE_TRANSPORT === 'net') return { reason: 'the environment variable DIORITE_TRANSPORT is "net"' };
  const acquired = acquireUring();
  if ('reason' in acquired) return { reason: acquired.reason };
  const { ring } = acquired.engine;
  if (known === null || !('host' in known) || known.host.ring !== ring) known = hostOf(ring);
  return known;
}

function hostOf(ring: RingHost['ring']): Host {
  const addon = loadAddon();
  if (addon === null) return { reason: `no addon: ${addonProblem() ?? 'it was not built'}` };
  if (typeof addon.socketBytes !== 'function')
    return { reason: 'the addon is a build without sockets: build it again' };
  if (!ring.offers(NEEDED_OPS)) return { reason: 'io_uring cannot take back requests: Linux 6.0 or newer is needed' };
  const pages = hostPages();
  return { host: { ring, addon, addressOf: (buffer) => pages.addressOf(buffer) } };
}
