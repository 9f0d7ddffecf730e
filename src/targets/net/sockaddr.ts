// Internet addresses as the kernel has them: struct sockaddr_in and sockaddr_in6.
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

const AF_INET = 2;
const AF_INET6 = 10;

export const SOCKADDR_BYTES_MAX = 28;
const SOCKADDR_IN_BYTES = 16;

export function familyOf(host: string): 4 | 6 {
  return isIPv6(host) ? 6 : 4;
}

/** Writes it to the start of `memory`, and says how long it is. `host` is an address as dns.lookup gives it. */
export function writeSockaddr(memory: DataView, host: string, port: number): number {
  for (let i = 0; i < SOCKADDR_BYTES_MAX; i++) memory.setUint8(i, 0);
  memory.setUint16(2, port);
  if (familyOf(host) === 4) {
    memory.setUint16(0, AF_INET, true);
    host.split('.').forEach((part, i) => void memory.setUint8(4 + i, Number(part)));
    return SOCKADDR_IN_BYTES;
  }
  const [address = '', zone] = host.split('%');
  memory.setUint16(0, AF_INET6, true);
  groupsOf(address).forEach((group, i) => void memory.setUint16(8 + 2 * i, group));
  memory.setUint32(24, zone === undefined ? 0 : scopeOf(zone), true);
  return SOCKADDR_BYTES_MAX;
}

/** The eight words of an IPv6 address. */
function groupsOf(address: string): number[] {
  // The last four bytes may stand there as of IPv4.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((word) => word.toString(16)).join(':'),
  );
  const [before = '', after] = plain.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const first = words(before);
  if (after === undefined) return first;
  const last = words(after);
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** A zone is an interface's name, or its number. */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find((each) => each.family === 'IPv6');
  return found?.family === 'IPv6' ? found.scopeid : 0;
}
