// The capture itself: it counts another client's calls, and says so when a packet makes no sense.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needs } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { requireCapture, startCapture } from './capture.js';
import { requireGanesha, startGanesha } from './ganesha.js';
import { LOOPBACK } from './ports.js';
import { nfsCat, nfsCpTo } from './tools.js';

/** A WRITE of NFSv3 whose handle promises 64 bytes and has 4. */
function nonsense(): Buffer {
  const words = [0, 77, 0, 2, 100003, 3, 7, 0, 0, 0, 0, 64, 0x01020304];
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  bytes.writeUInt32BE(0x80000000 + bytes.length - 4, 0);
  return bytes;
}

describe('a capture of the loopback interface', () => {
  it('counts calls as they were on the wire, and finds nothing malformed in the traffic of libnfs', async (t) => {
    if (!requireCapture(t) || !requireGanesha(t) || !needs(t, 'nfs-cp', 'nfs-cat')) return;
    const server = await startGanesha(t, { versions: ['3'] });
    const capture = await startCapture(t, [server.port, server.mountPort]);
    const local = join(tempDirectory(t), 'local');
    // nfs-cp sends 1 MiB at a time.
    writeFileSync(local, Buffer.alloc(3 * 1024 * 1024 + 1));
    await nfsCpTo(server, local, '/vfs/file');
    await nfsCat(server, '/vfs/file');
    const calls = await capture.calls();
    assert.equal(calls.get('WRITE'), 4);
    assert.ok((calls.get('READ') ?? 0) >= 1);
    assert.deepEqual(await capture.malformed(), []);
  });

  it('shows what is malformed', async (t) => {
    if (!requireCapture(t) || !requireGanesha(t)) return;
    const server = await startGanesha(t, { versions: ['3'] });
    const capture = await startCapture(t, [server.port]);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(server.port, LOOPBACK, () => socket.write(nonsense()));
      socket.once('error', reject);
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
    });
    assert.equal((await capture.malformed()).length, 1);
  });
});
