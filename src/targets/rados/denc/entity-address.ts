// entity_addr_t and entity_addrvec_t: where a daemon is, as maps and handshakes say it.
import { isIPv4, SocketAddress } from 'node:net';
import { DencError } from './error.js';
import type { DencReader } from './reader.js';
import type { DencWriter } from './writer.js';

/** entity_addr_t::type_t in msg/msg_types.h. */
export const ADDRESS_LEGACY = 1;
export const ADDRESS_MSGR2 = 2;
export const ADDRESS_ANY = 3;

/** The first byte of each form. */
const FORM_LEGACY = 0;
const FORM_ADDRESS = 1;
const FORM_VECTOR = 2;

/** As Linux has them, and Ceph on the wire. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const SOCKADDR_STORAGE_BYTES = 128;

/** A daemon has one address a protocol and family: eight would be odd, and more is refused. */
const ADDRESSES_MAX = 64;
/** Form, version, compat, length, and at least type, nonce, length. */
const ADDRESS_BYTES_MIN = 19;

export interface EntityAddress {
  /** ADDRESS_… */
  readonly type: number;
  /** Tells the lives of a daemon apart that had the same port. */
  readonly nonce: number;
  /** '': none. */
  readonly host: string;
  readonly port: number;
}

/** One address, of either form. */
export function readAddress(reader: DencReader): EntityAddress {
  const form = reader.u8();
  if (form === FORM_LEGACY) return readLegacy(reader);
  if (form !== FORM_ADDRESS) throw reader.error(`an address has form ${form}`);
  return readVersioned(reader);
}

/** A list of addresses, or the one that older encoders wrote. */
export function readAddresses(reader: DencReader): EntityAddress[] {
  const form = reader.u8();
  if (form === FORM_LEGACY) return [readLegacy(reader)];
  if (form === FORM_ADDRESS) return [readVersioned(reader)];
  if (form !== FORM_VECTOR) throw reader.error(`a list of addresses has form ${form}`);
  const count = reader.list(ADDRESSES_MAX, ADDRESS_BYTES_MIN);
  return Array.from({ length: count }, () => readAddress(reader));
}

export function writeAddress(writer: DencWriter, address: EntityAddress): void {
  writer.u8(FORM_ADDRESS);
  writer.enter(1, 1);
  writer.u32(address.type);
  writer.u32(address.nonce);
  if (address.host === '') writer.u32(0);
  else writeSocketAddress(writer, address);
  writer.leave();
}

export function writeAddresses(writer: DencWriter, addresses: readonly EntityAddress[]): void {
  writer.u8(FORM_VECTOR);
  writer.u32(addresses.length);
  for (const address of addresses) writeAddress(writer, address);
}

/** The one to speak messenger v2 with; undefined: it has none. */
export function msgr2Of(addresses: readonly EntityAddress[]): EntityAddress | undefined {
  return addresses.find(({ type, host, port }) => type === ADDRESS_MSGR2 && host !== '' && port > 0);
}

/** As Ceph's tools print it, without the nonce: `v2:10.0.0.1:3300`. */
export function addressText({ type, host, port }: EntityAddress): string {
  const protocol = ['-', 'v1:', 'v2:', 'any:'][type] ?? `type ${type}:`;
  return host === '' ? protocol : `${protocol}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** From before the types: they are of messenger v1. Three bytes of zeros stand where the rest of the old type was. */
function readLegacy(reader: DencReader): EntityAddress {
  reader.skip(3);
  const nonce = reader.u32();
  const socketAddress = reader.bytes(SOCKADDR_STORAGE_BYTES);
  // In here the family is big-endian.
  const family = ((socketAddress[0] ?? 0) << 8) | (socketAddress[1] ?? 0);
  return { type: ADDRESS_LEGACY, nonce, ...socketAddressOf(family, socketAddress, reader.what) };
}

function readVersioned(reader: DencReader): EntityAddress {
  reader.enter('entity_addr_t', 1);
  const type = reader.u32();
  const nonce = reader.u32();
  const socketAddress = reader.blob(SOCKADDR_STORAGE_BYTES);
  const family = (socketAddress[0] ?? 0) | ((socketAddress[1] ?? 0) << 8);
  const address = { type, nonce, ...socketAddressOf(family, socketAddress, reader.what) };
  reader.leave();
  return address;
}

function socketAddressOf(family: number, bytes: Uint8Array, what: string): { host: string; port: number } {
  if (family === 0) return { host: '', port: 0 };
  const length = family === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
  if (family !== AF_INET && family !== AF_INET6) throw new DencError(what, `an address is of family ${family}`);
  // Encoders leave out zeros at the end of an AF_INET one.
  if (bytes.length < (family === AF_INET ? 8 : length)) throw new DencError(what, 'an address is cut off');
  const port = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  return { host: family === AF_INET ? bytes.subarray(4, 8).join('.') : textOfV6(bytes.subarray(8, 24)), port };
}

function textOfV6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return new SocketAddress({ address: words.join(':'), family: 'ipv6' }).address;
}

function writeSocketAddress(writer: DencWriter, { host, port }: EntityAddress): void {
  const v4 = isIPv4(host);
  writer.u32(v4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  writer.u16(v4 ? AF_INET : AF_INET6);
  writer.u8(port >>> 8);
  writer.u8(port & 0xff);
  if (v4) {
    for (const part of host.split('.')) writer.u8(Number(part));
    writer.zeros(8);
    return;
  }
  writer.u32(0);
  for (const word of wordsOfV6(host)) {
    writer.u8(word >>> 8);
    writer.u8(word & 0xff);
  }
  writer.u32(0);
}

/** The eight words of an address as text: `::` stands for the zeros that are left out. */
function wordsOfV6(host: string): number[] {
  const [head = '', tail] = host.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, v4AsWords).split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const before = words(head);
  const after = words(tail ?? '');
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function v4AsWords(_: string, a: string, b: string, c: string, d: string): string {
  return `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
}
