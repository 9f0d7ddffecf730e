// Calls that meet: overlapping writes, syncs at once, a handle's own position, closing, memory that goes away.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const fresh = (): string => join(directory, `file-${files++}`);

describe('overlapping writes', () => {
  const BYTES = 4 * 1024 * 1024;
  const SMALL = 100;
  for (const io of ['prefer-direct', 'direct', 'buffered'] as const) {
    for (const handles of [1, 2]) {
      it(`${io}, ${handles} handle(s): each byte is one of the writers', and sync and close succeed`, async () => {
        const path = fresh();
        writeFileSync(path, new Uint8Array(BYTES).fill(1));
        const one = await open(path, 'r+', { io });
        const other = handles === 1 ? one : await open(path, 'r+', { io });
        for (let round = 0; round < 12; round++) {
          const writes: Promise<unknown>[] = [one.write(new Uint8Array(BYTES).fill(2), 0, null, 0)];
          for (let i = 0; i < 24; i++) {
            const at = (round * 7919 + i * 170_003) % (BYTES - SMALL);
            writes.push(other.write(new Uint8Array(SMALL).fill(3), 0, null, at));
          }
          await Promise.all(writes);
          await other.sync();
          const now = readFileSync(path);
          assert.equal(
            now.findIndex((byte) => byte !== 2 && byte !== 3),
            -1,
            'no byte is older than both writers',
          );
          await one.write(new Uint8Array(BYTES).fill(1), 0, null, 0);
        }
        await one.close();
        await other.close();
      });
    }
  }
});

it('of syncs at once, none says that all is well when one has failed', async () => {
  let failures = 1;
  const file = await openFaulty(fresh(), {
    judge: ({ op }) => ((op === Op.FSYNC || op === Op.FDATASYNC) && failures-- > 0 ? { result: -5 } : undefined),
  });
  await file.write(new Uint8Array(4096), 0, null, 0);
  const settled = await Promise.allSettled([file.sync(), file.sync(), file.datasync()]);
  assert.deepEqual(
    settled.map((each) => each.status),
    ['rejected', 'rejected', 'rejected'],
  );
  await file.close();
});

for (const io of ['direct', 'prefer-direct'] as const) {
  it(`memory detached during unaligned writes (${io}): an error, and nothing hangs`, async () => {
    const path = fresh();
    writeFileSync(path, new Uint8Array(65536));
    const file = await open(path, 'r+', { io });
    const other = await open(path, 'r+', { io });
    for (let i = 0; i < 20; i++) {
      const buffer = new ArrayBuffer(300);
      const write = file.write(new Uint8Array(buffer), 0, null, 700 + i * 1000);
      structuredClone(buffer, { transfer: [buffer] });
      await write.catch((error: { code: string }) => assert.match(error.code, /ERR_DIORITE_DETACHED|EFAULT/));
      assert.equal((await other.write(new Uint8Array(10), 0, null, 710 + i * 1000)).bytesWritten, 10);
    }
    await file.close();
    await other.close();
  });
}

describe("a handle's own position", () => {
  it('an iterator is taken at the call: moving it afterwards changes nothing that goes out', async () => {
    const path = fresh();
    const file = await open(path, 'w+');
    const iter = IovIter.ubuf(Buffer.from('0123456789'));
    const write = file.write(iter);
    iter.advance(4);
    assert.equal((await write).bytesWritten, 10);
    assert.equal((await file.write('abc')).bytesWritten, 3);
    await file.close();
    assert.equal(readFileSync(path, 'utf8'), '0123456789abc');
  });

  it('the same iterator twice at once: the second call finds what was left at its time', async () => {
    const path = fresh();
    const file = await open(path, 'w+');
    const iter = IovIter.ubuf(Buffer.from('0123456789'));
    const [first, second] = await Promise.all([file.write(iter), file.write(iter)]);
    assert.deepEqual([first.bytesWritten, second.bytesWritten], [10, 10]);
    assert.equal(iter.count, 0);
    await file.close();
    assert.equal(readFileSync(path, 'utf8'), '01234567890123456789');
  });

  it('an append that is closed upon is told as done', async () => {
    for (let i = 0; i < 200; i++) {
      const file = await open(join(directory, 'appended'), 'a');
      const write = file.write('line\n');
      const closed = file.close();
      assert.equal((await write).bytesWritten, 5);
      await closed;
    }
    assert.equal(readFileSync(join(directory, 'appended')).length, 1000);
  });
});

it('one signal over many calls gives no warning', async () => {
  const warnings: Error[] = [];
  const listener = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listener);
  const file = await open(fresh(), 'w+');
  const { signal } = new AbortController();
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      file.write('x', i).then(() => file.read(Buffer.alloc(1), { position: i, signal })),
    ),
  );
  await file.close();
  await new Promise(setImmediate);
  process.off('warning', listener);
  assert.deepEqual(warnings, []);
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
it('files that nobody holds are closed', async () => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const path = fresh();
  const before = count();
  await (async () => {
    for (let i = 0; i < 30; i++) await open(path, 'w+');
  })();
  for (let i = 0; i < 200 && count() > before; i++) {
    collect();
    await new Promise(setImmediate);
  }
  assert.ok(count() <= before, `${count()} descriptors, ${before} before`);
});
