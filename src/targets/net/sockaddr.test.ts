// Internet addresses as the kernel reads them.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { SOCKADDR_BYTES_MAX, writeSockaddr } from './sockaddr.js';

function written(host: string): string {
  const memory = Buffer.alloc(SOCKADDR_BYTES_MAX, 0xff);
  const bytes = writeSockaddr(new DataView(memory.buffer, memory.byteOffset, memory.length), host, 2049);
  return memory.toString('hex', 0, bytes);
}

describe('writeSockaddr', () => {
  it('writes IPv4', () => {
    assert.equal(written('192.0.2.17'), '02000801c00002110000000000000000');
  });

  it('writes IPv6, however it is written', () => {
    const rest = '00000000';
    for (const [host, bytes] of [
      ['::1', '00000000000000000000000000000001'],
      ['::', '00000000000000000000000000000000'],
      ['2001:db8::', '20010db8000000000000000000000000'],
      ['2001:db8:0:1:2:3:4:5', '20010db8000000010002000300040005'],
      ['2001:db8::5:6', '20010db8000000000000000000050006'],
      ['::ffff:192.0.2.17', '00000000000000000000ffffc0000211'],
    ] as const)
      assert.equal(written(host), `0a000801${rest}${bytes}${rest}`, host);
  });

  it('writes the zone of a local address', () => {
    assert.match(written('fe80::1%7'), /07000000$/);
    assert.match(written('fe80::1%no-such-interface'), /00000000$/);
    for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
      const local = addresses.find((each) => each.family === 'IPv6');
      if (local?.family === 'IPv6') assert.match(written(`fe80::1%${name}`), scoped(local.scopeid));
    }
  });
});

function scoped(scope: number): RegExp {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(scope);
  return new RegExp(`${bytes.toString('hex')}$`);
}
