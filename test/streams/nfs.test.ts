// Streams over an NFS target: durable when they finish, with one COMMIT; faults at every message; attributes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { File } from '../../src/handle/file.js';
import { streamPool } from '../../src/streams/gather.js';
import { openNfs } from '../conformance/nfs-subject.js';
import { FakeProtocol, type Fault, nthFault } from '../nfs/fake-protocol.js';
import { checkExtents } from '../support/oracle.js';
import { closeOf, MIB, randomBytes } from './support.js';

async function openFake(
  contents: Uint8Array = new Uint8Array(0),
): Promise<{ readonly protocol: FakeProtocol; readonly file: File }> {
  const { protocol, target } = await openNfs(new FakeProtocol(), contents);
  const file = new File({ target, engineReason: null, depth: undefined, bytesInFlight: undefined, appends: false });
  return { protocol, file };
}

describe('streams over NFS', () => {
  it('a writer gathers to full WRITEs, and is durable when it finishes', async () => {
    const { protocol, file } = await openFake();
    const data = randomBytes(20 * MIB + 77);
    const stream = file.createWriteStream({ autoClose: false });
    for (let at = 0; at < data.length; at += 1000)
      if (!stream.write(data.subarray(at, at + 1000))) await once(stream, 'drain');
    stream.end();
    await finished(stream);
    assert.ok(protocol.allDurable);
    assert.ok(data.equals(protocol.bytesOf('/file')));
    assert.ok(protocol.count('startWrite') < 60, `${protocol.count('startWrite')} WRITEs`);
    assert.ok(protocol.count('commit') <= 4, `${protocol.count('commit')} COMMITs`);
    await file.close();
  });

  it('write of an iterable: durable, unless that is not wanted', async () => {
    const { protocol, file } = await openFake();
    const data = randomBytes(3 * MIB);
    assert.equal((await file.write(new Set([data]), { position: 0 })).stable, true);
    assert.ok(protocol.allDurable);
    assert.equal((await file.write(new Set([data]), { position: 0, stable: false })).stable, false);
    await file.sync();
    assert.ok(data.equals(protocol.bytesOf('/file')));
    await file.close();
  });

  it('a reader', async () => {
    const data = randomBytes(9 * MIB + 5);
    const { file } = await openFake(data);
    const chunks: Buffer[] = [];
    for await (const chunk of file.createReadStream()) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(data));
  });

  it('a server that restarts in the middle: what it lost goes out again', async () => {
    const { protocol, file } = await openFake();
    protocol.faults = nthFault('startWrite', 9, { restart: 'before' });
    const data = randomBytes(20 * MIB);
    const stream = file.createWriteStream();
    stream.end(data);
    await finished(stream);
    assert.ok(protocol.allDurable);
    assert.ok(data.equals(protocol.bytesOf('/file')));
  });

  it('a fault at every WRITE and COMMIT: the ledger is true, nothing leaks', async () => {
    const data = randomBytes(5 * MIB + 123);
    const fault: Fault = { error: 'ENOSPC' };
    for (const operation of ['startWrite', 'commit'] as const) {
      for (let failing = 1; ; failing++) {
        const { protocol, file } = await openFake();
        protocol.faults = nthFault(operation, failing, fault);
        const stream = file.createWriteStream();
        let errors = 0;
        stream.on('error', () => errors++);
        stream.end(data);
        await closeOf(stream);
        checkExtents([...stream.extents], 0, data.length);
        const held = protocol.bytesOf('/file');
        for (const { offset, length, state } of stream.extents)
          if (state === 'done')
            assert.ok(data.subarray(offset, offset + length).equals(held.subarray(offset, offset + length)));
        assert.equal(streamPool().leased, 0);
        if (errors === 0) break;
        assert.equal(errors, 1);
      }
    }
  });

  it('chmod, chown, utimes', async () => {
    const { file } = await openFake(new Uint8Array(10));
    await file.chmod(0o640);
    await file.chown(7, -1);
    await file.utimes(1e9, new Date(1.5e12));
    const { mode, uid, atimeMs, mtimeMs } = await file.stat();
    assert.equal(mode & 0o7777, 0o640);
    assert.equal(uid, 7);
    assert.equal(atimeMs, 1e12);
    assert.equal(mtimeMs, 1.5e12);
    await file.close();
  });
});
