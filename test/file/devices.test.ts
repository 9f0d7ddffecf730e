// Block devices of 512 and 4,096-byte blocks: any offset, length and memory, up to the very end of the device.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';
import { type DeviceKind, withDevice } from '../support/root-harness.js';
import { gather, scatter, scatteredViews } from '../support/scattered.js';

const DEVICE_BYTES = 16 * 1024 * 1024;
const ROUNDS = 300;
const GUARD = 0xa5;

for (const kind of ['loop', 'loop-4kn', 'zram'] satisfies DeviceKind[]) {
  for (const engine of ['auto', 'threads'] as const) {
    test(`random reads and writes of a device: ${kind}, ${engine}`, async (t) => {
      await withDevice(t, kind, { sizeMib: DEVICE_BYTES / 2 ** 20 }, async (device) => {
        await withSeed(async (random) => {
          const model = Buffer.alloc(DEVICE_BYTES);
          const file = await open(device, 'r+', { engine });
          for (let round = 0; round < ROUNDS; round++) {
            const length = random.between(1, random.pick([100, 9000, 200_000]));
            const offset = random.chance(8) ? DEVICE_BYTES - length : random.below(DEVICE_BYTES - length + 1);
            const views = scatteredViews(random, length);
            if (random.chance(2)) {
              const source = new Uint8Array(length);
              random.fill(source);
              scatter(source, views);
              await file.writev(views, offset);
              model.set(source, offset);
            } else {
              assert.equal((await file.readv(views, offset)).bytesRead, length);
              assert.equal(Buffer.compare(gather(views), model.subarray(offset, offset + length)), 0, `at ${offset}`);
            }
          }
          await file.sync();
          await file.close();
          assert.equal(Buffer.compare(readFileSync(device), model), 0, 'node:fs reads the same');
        });
      });
      assertNoLeaks();
    });
  }

  test(`memory that starts anywhere in a page: ${kind}`, async (t) => {
    if (!hasAddon()) {
      t.skip('needs the addon: without it only whole regions go as they lie');
      return;
    }
    await withDevice(t, kind, { sizeMib: DEVICE_BYTES / 2 ** 20 }, async (device) => {
      await using file = await open(device, 'r+');
      using region = new Region(32 * 4096);
      const length = 16 * 4096;
      for (let start = 4096; start <= 8192; start += 512) {
        const view = region.bytes.subarray(start, start + length);
        const content = Uint8Array.from({ length }, (_, index) => index * 13 + start / 512);
        view.set(content);
        await file.write(view, 0, length, start * 16);
        assert.equal(Buffer.compare(readFileSync(device).subarray(start * 16, start * 16 + length), content), 0);
        region.bytes.fill(GUARD);
        await file.read(view, 0, length, start * 16);
        assert.equal(Buffer.compare(view, content), 0, `read to memory at ${start}`);
        const around = [region.bytes.subarray(0, start), region.bytes.subarray(start + length)];
        assert.ok(
          around.every((part) => part.every((byte) => byte === GUARD)),
          `memory beside ${start} was touched`,
        );
      }
    });
    assertNoLeaks();
  });

  test(`the end of a device: ${kind}`, async (t) => {
    await withDevice(t, kind, { sizeMib: DEVICE_BYTES / 2 ** 20 }, async (device) => {
      await using file = await open(device, 'r+');
      const across = Buffer.alloc(10_000, 5);
      assert.equal((await file.read(across, 0, 10_000, DEVICE_BYTES - 4097)).bytesRead, 4097);
      assert.equal((await file.read(across, 0, 10_000, DEVICE_BYTES)).bytesRead, 0);
      await assert.rejects(file.write(across, 0, 10_000, DEVICE_BYTES - 4096), { code: 'ENOSPC' });
      await assert.rejects(file.write(across, 0, 10_000, DEVICE_BYTES), { code: 'ENOSPC' });
    });
    assertNoLeaks();
  });
}
