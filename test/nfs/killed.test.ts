// nfs-ganesha killed and started again while much is on the way: it ends, byte for byte.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { copy, open } from '../../src/index.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { Random } from '../support/random.js';
import { lastFirst, memoryDirectory } from '../support/temp.js';
import { type Ganesha, type GaneshaOptions, type NfsVersion, requireGanesha, startGanesha } from './ganesha.js';

const MIB = 1024 * 1024;
const COPY_BYTES = 256 * MIB;
const WRITE_BYTES = 64 * MIB;
const PAGE_BYTES = 4096;

/** v4: what was open is had back only in the time of grace, which a first start has as well. */
const GRACE: GaneshaOptions = { graceless: false, leaseSeconds: 8, graceSeconds: 8 };
/** In tenths of a second: tries to reach the server are an eighth of it apart at most, so that one falls into the grace. */
const PATIENCE = { timeo: '300' } as const;

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  // A pattern that is nowhere the same on pages: a page in another's place shows.
  const random = new Random(length);
  for (let at = 0; at < length; at += PAGE_BYTES) bytes.fill(random.next() & 0xff, at, at + PAGE_BYTES);
  for (let at = 0; at < length; at += PAGE_BYTES) bytes.writeUInt32LE(at / PAGE_BYTES, at);
  return bytes;
}

/** On a file system in memory: where a disk holds the server up for longer than its lease, files are lost for good. */
function start(t: TestContext, version: NfsVersion): Promise<Ganesha> {
  const ends = lastFirst(t);
  const vfsDirectory = memoryDirectory(ends);
  return startGanesha(ends, { versions: [version], vfsDirectory, ...(version === '3' ? {} : GRACE) });
}

/** Kills the server and starts it again, with the next epoch, whenever so many bytes are done. */
class Killer {
  readonly #server: Ganesha;
  readonly #at: number[];
  #restarting: Promise<void> = Promise.resolve();

  constructor(server: Ganesha, ...at: number[]) {
    this.#server = server;
    this.#at = at;
  }

  seen(doneBytes: number): void {
    const [next] = this.#at;
    if (next === undefined || doneBytes < next) return;
    this.#at.shift();
    this.#restarting = this.#restarting.then(() => this.#server.restart({ kill: true }));
  }

  async done(): Promise<void> {
    await this.#restarting;
    assert.deepEqual(this.#at, [], 'it was killed as often as it should be');
    assert.equal(nfsConnections.size, 0);
  }
}

for (const version of ['3', '4.1', '4.2'] as const) {
  describe(`NFS ${version}: a server that is killed`, () => {
    it('twice in a copy to it and twice in a copy from it', async (t) => {
      if (!requireGanesha(t)) return;
      const server = await start(t, version);
      const local = memoryDirectory(t);
      const bytes = bytesOf(version === '4.2' ? WRITE_BYTES : COPY_BYTES);
      writeFileSync(join(local, 'source'), bytes);
      const url = server.url(version, '/vfs/copy', PATIENCE).href;
      const options = { requestBytes: MIB, depth: 16 };

      const there = new Killer(server, 0.2 * bytes.length, 0.6 * bytes.length);
      const copied = await copy(join(local, 'source'), url, {
        ...options,
        onProgress: ({ doneBytes }) => there.seen(doneBytes),
      });
      await there.done();
      assert.equal(copied.stable, true);
      assert.ok(readFileSync(join(server.vfsDirectory, 'copy')).equals(bytes));
      assert.deepEqual(readdirSync(server.vfsDirectory), ['copy']);

      const back = new Killer(server, 0.2 * bytes.length, 0.6 * bytes.length);
      await copy(url, join(local, 'back'), { ...options, onProgress: ({ doneBytes }) => back.seen(doneBytes) });
      await back.done();
      assert.ok(readFileSync(join(local, 'back')).equals(bytes));
    });

    it('in the middle of one writev, whose memory is held until it is durable', async (t) => {
      if (!requireGanesha(t)) return;
      const server = await start(t, version);
      const bytes = bytesOf(WRITE_BYTES);
      const pages = Array.from({ length: WRITE_BYTES / PAGE_BYTES }, (_, i) =>
        bytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES),
      );
      const file = await open(server.url(version, '/vfs/file', PATIENCE), 'w+');
      const killer = new Killer(server, 0.4 * WRITE_BYTES);
      const written = await file.write(pages, { position: 0, onProgress: (doneBytes) => killer.seen(doneBytes) });
      assert.deepEqual([written.bytesWritten, written.stable], [WRITE_BYTES, true]);
      const found = Buffer.alloc(WRITE_BYTES);
      assert.equal((await file.read(found, { position: 0 })).bytesRead, WRITE_BYTES);
      await file.close();
      await killer.done();
      assert.ok(found.equals(bytes));
      assert.ok(readFileSync(join(server.vfsDirectory, 'file')).equals(bytes));
    });
  });
}
