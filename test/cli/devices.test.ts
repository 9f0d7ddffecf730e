// Devices, FIFOs, sockets as destinations: written in place, never unlinked and never renamed over.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, type Stats, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../support/random.js';
import { withDevice, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';
import { diorite, start } from './command.js';

const MIB = 1024 * 1024;

function makeSource(directory: string, length: number, holeAt = -1): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  const path = join(directory, 'source');
  if (holeAt >= 0) bytes.fill(0, holeAt);
  writeFileSync(path, holeAt >= 0 ? bytes.subarray(0, holeAt) : bytes);
  truncateSync(path, length);
  return bytes;
}

/** A device node of the test's own, or null where that cannot be made. */
function privateNode(t: TestContext, path: string, kind: 'b' | 'c', major: number, minor: number): Stats | null {
  const { status, stderr } = spawnSync('mknod', ['-m', '666', path, kind, String(major), String(minor)], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    t.skip(`no device nodes here: ${stderr.trim()}`);
    return null;
  }
  return lstatSync(path);
}

function assertSameNode(path: string, before: Stats): void {
  const { ino, dev, rdev, mode, nlink } = lstatSync(path);
  assert.deepEqual(
    { ino, dev, rdev, mode, nlink },
    {
      ino: before.ino,
      dev: before.dev,
      rdev: before.rdev,
      mode: before.mode,
      nlink: before.nlink,
    },
  );
}

for (const options of [[], ['--force']]) {
  test(`a character device is written to and stays ${options.join(' ')}`, async (t) => {
    const directory = tempDirectory(t);
    const bytes = makeSource(directory, 100_000);
    const node = join(directory, 'null');
    const before = privateNode(t, node, 'c', 1, 3);
    if (before === null) return;
    const { code, stdout, stderr } = await diorite(['copy', join(directory, 'source'), node, '--json', ...options]);
    if (/EACCES|EPERM/.test(stderr)) {
      t.skip('device nodes cannot be opened here (nodev)');
      return;
    }
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).bytes, bytes.length);
    assertSameNode(node, before);
    assert.deepEqual(readdirSync(directory).sort(), ['null', 'source']);
  });
}

test('a device that takes nothing (ENOSPC) stays, too', async (t) => {
  const directory = tempDirectory(t);
  makeSource(directory, 100);
  const node = join(directory, 'full');
  const before = privateNode(t, node, 'c', 1, 7);
  if (before === null) return;
  const { code, stderr } = await diorite(['copy', join(directory, 'source'), node, '--force']);
  assert.equal(code, 1);
  assert.match(stderr, /ENOSPC|EACCES|EPERM/);
  assertSameNode(node, before);
});

test('a FIFO gets the bytes in order, holes as zeros, and stays', async (t) => {
  const directory = tempDirectory(t);
  const bytes = makeSource(directory, 3 * MIB + 5, 2 * MIB);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const before = lstatSync(fifo);
  const running = diorite(['copy', join(directory, 'source'), fifo]);
  const reader = await open(fifo, 'r');
  const chunks: Buffer[] = [];
  for await (const chunk of reader.createReadStream()) chunks.push(chunk);
  assert.equal((await running).code, 0);
  assert.ok(Buffer.concat(chunks).equals(bytes));
  assertSameNode(fifo, before);
  assert.deepEqual(readdirSync(directory).sort(), ['fifo', 'source']);
});

test('a FIFO that nobody reads can be interrupted', async (t) => {
  const directory = tempDirectory(t);
  makeSource(directory, 10);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const { child, ended } = start(['copy', join(directory, 'source'), fifo]);
  if (!(await waitsForReader(child.pid ?? 0))) {
    child.kill('SIGKILL');
    await ended;
    t.skip('the kernel does not tell what a thread waits for (/proc/PID/task/TID/wchan)');
    return;
  }
  child.kill('SIGINT');
  assert.equal((await ended).code, 130);
  assert.ok(lstatSync(fifo).isFIFO());
});

const LOOK_MS_MAX = 20_000;

/** Until a thread of the process waits in open(2) of a FIFO; false: that cannot be seen here. */
async function waitsForReader(pid: number): Promise<boolean> {
  const stopMs = performance.now() + LOOK_MS_MAX;
  while (performance.now() < stopMs) {
    if (waitingPlaces(pid).includes('wait_for_partner')) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

/** The kernel functions in which the threads of a process wait. */
function waitingPlaces(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/wchan`, 'latin1'));
  } catch {
    return []; // A thread that ended between the two looks.
  }
}

test('a FIFO cannot be verified, and that is said before anything is written', async (t) => {
  const directory = tempDirectory(t);
  makeSource(directory, 10);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const { code, stderr } = await diorite(['copy', join(directory, 'source'), fifo, '--verify']);
  assert.equal(code, 1);
  assert.match(stderr, /cannot be read back/);
});

test('a socket is refused and stays', async (t) => {
  const directory = tempDirectory(t);
  makeSource(directory, 10);
  const path = join(directory, 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  const { code, stderr } = await diorite(['copy', join(directory, 'source'), path, '--force']);
  assert.equal(code, 1);
  assert.match(stderr, /socket/);
  assert.ok(lstatSync(path).isSocket());
});

/** A node of the test's own for the device, and a source to copy to it. */
function nodeFor(t: TestContext, device: string): { directory: string; node: string; before: Stats } | null {
  const directory = tempDirectory(t);
  const [major = 0, minor = 0] = readFileSync(`/sys/block/${device.replace('/dev/', '')}/dev`, 'utf8')
    .split(':')
    .map(Number);
  const node = join(directory, 'device');
  const before = privateNode(t, node, 'b', major, minor);
  return before === null ? null : { directory, node, before };
}

for (const kind of ['loop', 'loop-4kn'] as const) {
  test(`a block device (${kind}) needs --force, is written in place, and stays`, async (t) => {
    await withDevice(t, kind, { sizeMib: 16 }, async (device) => {
      const made = nodeFor(t, device);
      if (made === null) return;
      const { directory, node, before } = made;
      // What was on it before must not show through the holes of the source.
      execFileSync('dd', ['if=/dev/urandom', `of=${node}`, 'bs=1M', 'count=16', 'status=none', 'conv=fsync']);
      const old = readFileSync(node);
      const bytes = makeSource(directory, 9 * MIB + 777, 4 * MIB + 4096);
      const source = join(directory, 'source');

      const refused = await diorite(['copy', source, node]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /destination exists/);
      assert.ok(readFileSync(node).equals(old));

      const { code, stderr } = await diorite(['copy', source, node, '--force', '--verify']);
      assert.equal(code, 0, stderr);
      const now = readFileSync(node);
      assert.ok(now.subarray(0, bytes.length).equals(bytes), 'the source');
      assert.ok(now.subarray(bytes.length).equals(old.subarray(bytes.length)), 'what lies behind it is as it was');
      assertSameNode(node, before);
      assert.deepEqual(readdirSync(directory).sort(), ['device', 'source']);

      const back = await diorite(['copy', node, join(directory, 'image')]);
      assert.equal(back.code, 0, back.stderr);
      assert.ok(readFileSync(join(directory, 'image')).equals(now), 'and back into a file');
    });
  });
}

test('a device that is too small is refused before the first byte', async (t) => {
  await withDevice(t, 'loop', { sizeMib: 2 }, async (device) => {
    const made = nodeFor(t, device);
    if (made === null) return;
    makeSource(made.directory, 3 * MIB);
    const { code, stderr } = await diorite(['copy', join(made.directory, 'source'), made.node, '--force']);
    assert.equal(code, 1);
    assert.match(stderr, /ENOSPC: The device holds 2097152 bytes, the source has 3145728/);
    assert.ok(readFileSync(made.node).every((byte) => byte === 0));
  });
});

test('a device in use is refused', async (t) => {
  await withFilesystem(t, 'ext4', { sizeMib: 32 }, async ({ device, directory }) => {
    assert.ok(device !== null);
    makeSource(directory, 1000);
    const { code, stderr } = await diorite(['copy', join(directory, 'source'), device, '--force']);
    assert.equal(code, 1);
    assert.match(stderr, /device is in use/);
  });
});

test('a loop device and the file behind it are one', async (t) => {
  await withDevice(t, 'loop', { sizeMib: 4 }, async (device) => {
    const image = readFileSync(`/sys/block/${device.replace('/dev/', '')}/loop/backing_file`, 'utf8').trim();
    for (const paths of [
      [image, device],
      [device, image],
    ]) {
      const { code, stderr } = await diorite(['copy', ...paths, '--force']);
      assert.equal(code, 1);
      assert.match(stderr, /same file/);
    }
  });
});
