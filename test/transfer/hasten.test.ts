// What keeps memory until later is hastened when a transfer waits for nothing else, and not because its turn is used up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IovIter } from '../../src/iter/iov-iter.js';
import { Region } from '../../src/memory/region.js';
import { SimTarget } from '../../src/targets/sim/index.js';
import { startTransfer } from '../../src/transfer/transfer.js';

const MIB = 1024 * 1024;
const BYTES = 16 * MIB;

class Committing extends SimTarget {
  submittedBytes = 0;
  /** Of what was submitted, each time that it was asked to bring what keeps memory to its end. */
  readonly hastenedAt: number[] = [];

  constructor() {
    super({
      seed: 1,
      size: BYTES,
      keepsBytes: false,
      commits: { bytes: 4 * BYTES, afterNanos: 5_000_000 },
      onEvent: (event) => {
        if (event.kind === 'submitted') this.submittedBytes += event.bytes;
      },
    });
  }

  override hasten(): void {
    this.hastenedAt.push(this.submittedBytes);
    super.hasten();
  }
}

async function written(bytesInFlight: number): Promise<Committing> {
  const target = new Committing();
  const { bytes } = new Region(MIB);
  const memory = IovIter.from(Array.from({ length: BYTES / MIB }, () => bytes));
  await startTransfer(target, memory, 0, BYTES, 'write', { depth: 1, bytesInFlight });
  return target;
}

test('a turn that is used up after each request hastens nothing before all is sent', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => {
    nowMs += 100;
    return nowMs;
  });
  const { hastenedAt } = await written(2 * BYTES);
  assert.ok(hastenedAt.length > 0, 'at the end it waits for releases alone');
  assert.deepEqual(new Set(hastenedAt), new Set([BYTES]));
});

test('a byte budget that is full of what was answered is hastened', async (t) => {
  t.mock.method(performance, 'now', () => 0);
  const { hastenedAt } = await written(4 * MIB);
  assert.ok(hastenedAt.some((bytes) => bytes < BYTES));
});
