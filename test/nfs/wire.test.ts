// What others make of our packets and files: tshark decodes all that a broad run sends, libnfs reads and writes the same files.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { copy, open, probe } from '../../src/index.js';
import { NfsClient } from '../../src/nfs.js';
import { needs } from '../support/needs.js';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { requireCapture, startCapture } from './capture.js';
import { type Ganesha, type NfsVersion, requireGanesha, startGanesha } from './ganesha.js';
import { nfsCat, nfsCpTo, nfsLs } from './tools.js';

const VERSIONS: readonly NfsVersion[] = ['3', '4.1', '4.2'];
const KIB = 1024;
const MIB = 1024 * KIB;

function bytesOf(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(seed).fill(bytes);
  return bytes;
}

/** Everything that a user can do, once. */
async function useAll(server: Ganesha, version: NfsVersion, local: string): Promise<void> {
  const directory = `/vfs/${version}`;
  const url = (name: string): string => server.url(version, `${directory}/${name}`).href;
  const root = await NfsClient.connect(server.url(version, '/vfs'));
  await root.mkdir(version);
  await root.close();

  const client = await NfsClient.connect(server.url(version, directory));
  await copy(join(local, 'source'), url('copied'), { verify: true });
  await copy(url('copied'), [url('second'), join(local, `back-${version}`)], { requestBytes: 256 * KIB });
  await copy(join(local, 'sparse'), url('sparse'));
  await probe(url('copied'));

  const file = await open(url('file'), 'w+', { requestBytes: 64 * KIB });
  await file.write(bytesOf(3, 400_001), { position: 3 });
  await file.write(bytesOf(4, 100_000), { position: 77, stable: false });
  await file.sync();
  await file.read(Buffer.alloc(500_000), { position: 1 });
  await file.truncate(300_000);
  if (version === '4.2') {
    await file.allocate(0, 500_000);
    await file.punch(65_536, 65_536);
    for await (const segment of file.segments()) assert.ok(segment.length > 0);
  }
  await file.stat();
  await file.close();

  await client.rename('file', 'renamed');
  await client.link('renamed', 'linked');
  await client.symlink('renamed', 'symbolic');
  assert.equal(await client.readlink('symbolic'), 'renamed');
  await client.chmod('renamed', 0o640);
  await client.chown('renamed', 1000, 1000);
  await client.utimes('renamed', 1.5, 2_000_000_000.25);
  await client.access('renamed');
  await client.statfs('.');
  await client.mkdir('ü with a name that is rather long, so that there is padding');
  const names = await client.readdir('.');
  assert.ok(names.includes('symbolic'));
  for await (const entry of await client.opendir('.')) assert.ok(names.includes(entry.name));
  // What the server refuses is answered in other words.
  await assert.rejects(client.stat('none'), { code: 'ENOENT' });
  await assert.rejects(client.mkdir('renamed'), { code: 'EEXIST' });
  await assert.rejects(client.rmdir('renamed'), { code: 'ENOTDIR' });
  await assert.rejects(client.unlink('none'), { code: 'ENOENT' });
  await assert.rejects(client.readlink('renamed'), { code: 'EINVAL' });
  await assert.rejects(client.open('x'.repeat(256), 'w'), { code: 'ENAMETOOLONG' });
  await client.rm('linked');
  await client.close();
}

describe('tshark', () => {
  it('finds no malformed packet in all that a client does, in any version', async (t) => {
    if (!requireCapture(t) || !requireGanesha(t)) return;
    const server = await startGanesha(t, { leaseSeconds: 10 });
    const local = tempDirectory(t);
    writeFileSync(join(local, 'source'), bytesOf(1, 3 * MIB + 5));
    writeFileSync(join(local, 'sparse'), Buffer.alloc(0));
    const sparse = await open(join(local, 'sparse'), 'r+');
    await sparse.write(bytesOf(2, 4096), { position: 2 * MIB });
    await sparse.close();
    const capture = await startCapture(t, [server.port, server.mountPort]);
    for (const version of VERSIONS) await useAll(server, version, local);
    assert.deepEqual(await capture.malformed(), []);
    const calls = await capture.calls();
    for (const name of ['READ', 'WRITE', 'COMMIT', 'RENAME', 'READDIRPLUS', 'OPEN', 'SEQUENCE', 'SEEK', 'DEALLOCATE'])
      assert.ok((calls.get(name) ?? 0) > 0, name);
    for (const version of VERSIONS)
      assert.ok(readFileSync(join(local, `back-${version}`)).equals(bytesOf(1, 3 * MIB + 5)));
  });
});

/** 512 KiB in pieces, each a view of its own; `gap`: what lies between two of them. */
function pieces(bytes: number, shuffled: boolean, misaligned: boolean): Buffer[] {
  const count = (512 * KIB) / bytes;
  const gap = misaligned ? 100 : 0;
  const memory = Buffer.from(new ArrayBuffer(count * (bytes + gap) + 4096));
  const views: Buffer[] = Array.from({ length: count }, (_, i) => {
    const at = i * (bytes + gap) + gap;
    return memory.subarray(at, at + bytes);
  });
  if (!shuffled) return views;
  const random = new Random(bytes);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [views[i], views[j]] = [views[j] as Buffer, views[i] as Buffer];
  }
  return views;
}

const LAYOUTS = [4096, 512].flatMap((bytes) => [
  { bytes, shuffled: false, misaligned: false, position: 0 },
  { bytes, shuffled: true, misaligned: false, position: 0 },
  { bytes, shuffled: true, misaligned: true, position: 777 },
]);

describe('512 KiB in any pieces', () => {
  for (const version of VERSIONS) {
    it(`are one WRITE and one READ by NFS ${version}, as the wire has them`, async (t) => {
      if (!requireCapture(t) || !requireGanesha(t)) return;
      const server = await startGanesha(t, { versions: [version] });
      const file = await open(server.url(version, '/vfs/file'), 'w+');
      const capture = await startCapture(t, [server.port]);
      for (const { bytes, shuffled, misaligned, position } of LAYOUTS) {
        const payload = bytesOf(bytes + position, 512 * KIB);
        const out = pieces(bytes, shuffled, misaligned);
        for (const [i, view] of out.entries()) payload.copy(view, 0, i * bytes);
        const written = await file.writev(out, position);
        assert.deepEqual([written.bytesWritten, written.requests, written.stable], [512 * KIB, 1, true]);
        const back = pieces(bytes, shuffled, misaligned);
        const read = await file.readv(back, position);
        assert.deepEqual([read.bytesRead, read.requests], [512 * KIB, 1]);
        assert.ok(Buffer.concat(back).equals(payload));
        const there = readFileSync(join(server.vfsDirectory, 'file')).subarray(position, position + 512 * KIB);
        assert.ok(there.equals(payload));
      }
      const calls = await capture.calls();
      // Six of each in all, and none can be less than one.
      assert.equal(calls.get('WRITE'), LAYOUTS.length);
      assert.equal(calls.get('READ'), LAYOUTS.length);
      assert.equal(calls.get('COMMIT') ?? 0, 0);
      await file.close();
    });
  }
});

describe('libnfs', () => {
  const sizes = [0, 1, 4095, 1_000_003];

  async function start(t: TestContext): Promise<Ganesha | null> {
    if (!requireGanesha(t) || !needs(t, 'nfs-cp', 'nfs-cat', 'nfs-ls')) return null;
    return startGanesha(t);
  }

  it('reads what was written by every version', async (t) => {
    const server = await start(t);
    if (server === null) return;
    const local = join(tempDirectory(t), 'source');
    for (const version of VERSIONS)
      for (const size of sizes) {
        const bytes = bytesOf(size, size);
        writeFileSync(local, bytes);
        await copy(local, server.url(version, `/vfs/${version}-${size}`), { requestBytes: 64 * KIB });
        assert.equal(Buffer.compare(await nfsCat(server, `/vfs/${version}-${size}`), bytes), 0);
      }
    const listed = (await nfsLs(server, '/vfs')).join('\n');
    for (const size of sizes) assert.match(listed, new RegExp(` ${size} 4\\.1-${size}$`, 'm'));
  });

  it('writes what every version reads', async (t) => {
    const server = await start(t);
    if (server === null) return;
    const local = tempDirectory(t);
    for (const size of sizes.slice(1)) {
      const bytes = bytesOf(size, size);
      writeFileSync(join(local, 'source'), bytes);
      await nfsCpTo(server, join(local, 'source'), `/vfs/${size}`);
      for (const version of VERSIONS) {
        const back = join(local, `${version}-${size}`);
        await copy(server.url(version, `/vfs/${size}`), back, { verify: true });
        assert.ok(readFileSync(back).equals(bytes));
      }
    }
  });
});
