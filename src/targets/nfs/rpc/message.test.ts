// Heads of RPC messages: what one side writes the other reads, and what cannot be is refused or told by name.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XdrError, XdrReader } from '../xdr/reader.js';
import { XdrWriter } from '../xdr/writer.js';
import { encodeCredentials } from './auth.js';
import {
  AUTH_ERROR,
  AUTH_SYS,
  CallHeader,
  GARBAGE_ARGS,
  PROC_UNAVAIL,
  PROG_MISMATCH,
  PROG_UNAVAIL,
  REPLY_HEADER_BYTES,
  ReplyHeader,
  RPC_MISMATCH,
  SUCCESS,
  SYSTEM_ERR,
  writeAccepted,
  writeCallHeader,
  writeDenied,
} from './message.js';
import { rejection } from './rejections.js';

const CALLED = { program: 100003, version: 3, procedure: 7 };

function replyRead(write: (xdr: XdrWriter) => void): ReplyHeader {
  const xdr = new XdrWriter();
  write(xdr);
  const reply = new ReplyHeader();
  const reader = new XdrReader(xdr.bytes);
  reply.read(reader);
  reader.end();
  return reply;
}

function words(...values: number[]): (xdr: XdrWriter) => void {
  return (xdr) => {
    for (const value of values) xdr.u32(value);
  };
}

describe('RPC messages', () => {
  it('writes a call with AUTH_SYS, byte for byte', () => {
    const xdr = new XdrWriter();
    const credentials = encodeCredentials({ uid: 1000, gid: 100, gids: [4, 27], machineName: 'host1' });
    writeCallHeader(xdr, 0x01020304, 100003, 3, 7, credentials);
    assert.equal(
      Buffer.from(xdr.bytes).toString('hex'),
      '01020304 00000000 00000002 000186a3 00000003 00000007'.replaceAll(' ', '') +
        '00000001 00000024 00000000 00000005 686f7374 31000000 000003e8 00000064 00000002 00000004 0000001b'.replaceAll(
          ' ',
          '',
        ) +
        '0000000000000000',
    );
    const header = new CallHeader();
    const reader = new XdrReader(xdr.bytes);
    assert.equal(header.read(reader), 2);
    reader.end();
    const { xid, program, version, procedure, credentialFlavor } = header;
    assert.deepEqual(
      { xid, program, version, procedure, credentialFlavor },
      { xid: 0x01020304, ...CALLED, credentialFlavor: AUTH_SYS },
    );
  });

  it('takes 16 groups, refuses 17, and cuts the machine name', () => {
    const gids = Array.from({ length: 16 }, (_, i) => i);
    assert.equal(encodeCredentials({ uid: 0, gid: 0, gids, machineName: 'x'.repeat(300) }).length, 8 + 340);
    assert.throws(() => encodeCredentials({ uid: 0, gid: 0, gids: [...gids, 16] }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  it('reads what an accepted reply says', () => {
    const reply = replyRead((xdr) => writeAccepted(xdr, 9, SUCCESS));
    assert.equal(reply.xid, 9);
    assert.equal(reply.successful, true);
    const xdr = new XdrWriter();
    writeAccepted(xdr, 9, SUCCESS);
    assert.equal(xdr.length, REPLY_HEADER_BYTES);
  });

  it('steps over a verifier', () => {
    const reply = replyRead((xdr) => {
      words(9, 1, 0, 2)(xdr);
      xdr.opaque(new Uint8Array(7));
      xdr.u32(SUCCESS);
    });
    assert.equal(reply.successful, true);
  });

  it('tells each rejection by name and code', () => {
    const told: [(xdr: XdrWriter) => void, string, RegExp][] = [
      [(xdr) => writeAccepted(xdr, 1, PROG_UNAVAIL), 'EPROTONOSUPPORT', /srv:2049 does not offer NFS/],
      [(xdr) => writeAccepted(xdr, 1, PROG_MISMATCH, 4, 4), 'EPROTONOSUPPORT', /NFS in versions 4 to 4, not 3/],
      [(xdr) => writeAccepted(xdr, 1, PROC_UNAVAIL), 'ENOTSUP', /procedure 7 of NFS 3/],
      [(xdr) => writeAccepted(xdr, 1, GARBAGE_ARGS), 'EIO', /GARBAGE_ARGS/],
      [(xdr) => writeAccepted(xdr, 1, SYSTEM_ERR), 'EREMOTEIO', /SYSTEM_ERR/],
      [(xdr) => writeDenied(xdr, 1, RPC_MISMATCH, 3, 4), 'EPROTONOSUPPORT', /RPC 3 to 4, not 2/],
      [(xdr) => writeDenied(xdr, 1, AUTH_ERROR, 5), 'EACCES', /AUTH_TOOWEAK/],
      [(xdr) => writeDenied(xdr, 1, AUTH_ERROR, 77), 'EACCES', /auth_stat 77/],
    ];
    for (const [write, code, message] of told) {
      const error = rejection('srv:2049', CALLED, replyRead(write));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.ok((error.errno ?? 0) < 0);
    }
  });

  it('refuses what cannot be', () => {
    for (const write of [
      words(1, 0, 0), // a call
      words(1, 1, 2), // neither accepted nor denied
      words(1, 1, 0, 0, 401), // a verifier that is too long
      words(1, 1, 0, 0, 8, 0), // a verifier that is not there
      words(1, 1, 0, 0, 0, 6), // no such accept_stat
      words(1, 1, 1, 2), // no such reject_stat
      words(1, 1, 0, 0, 0, 2, 4), // half a mismatch
      words(1, 1),
    ])
      assert.throws(() => replyRead(write), XdrError);
  });
});
