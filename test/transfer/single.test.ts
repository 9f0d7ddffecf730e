// Small transfers without a plan: under every fault they end as a transfer that was planned, byte by byte and word by word.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { Region } from '../../src/memory/region.js';
import type { Direction } from '../../src/plan/limits.js';
import { type FaultKind, type FaultRule, SimTarget } from '../../src/targets/sim/index.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import type { Request } from '../../src/transfer/request.js';
import { type Single, takeSingle } from '../../src/transfer/single.js';
import type { Target } from '../../src/transfer/target.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { Prng } from '../support/prng.js';
import { runSeed } from '../support/random.js';

const ROUNDS = 600;
const FAULTS: readonly [FaultKind, ...FaultKind[]] = [
  'EIO',
  'ENOSPC',
  'EINVAL',
  'EAGAIN',
  'EINTR',
  'short',
  'short-unaligned',
  'zero',
  'late',
];

interface Told {
  readonly bytes: number | undefined;
  readonly how?: unknown;
  readonly error?: unknown;
}

type Start = (
  target: Target,
  memory: Uint8Array,
  offset: number,
  direction: Direction,
  options: TransferOptions,
) => Promise<Told>;

function errorOf(error: unknown): Told {
  assert.ok(error instanceof DioriteError, String(error));
  const { code, message, offset, length, bytes, extents } = error;
  return { bytes, error: { code, message, offset, length, extents } };
}

const planned: Start = async (target, memory, offset, direction, options) => {
  const iter = IovIter.ubuf(memory);
  try {
    const outcome = await startTransfer(target, iter, offset, memory.length, direction, options);
    const { bytes, requests, copiedBytes, bufferedBytes, io, stable } = outcome;
    return { bytes, how: { requests, copiedBytes, bufferedBytes, io, stable } };
  } catch (error) {
    return errorOf(error);
  }
};

const single: Start = (target, memory, offset, direction, options) =>
  new Promise((resolve) => {
    const one = takeSingle();
    const owner = {
      moved: (told: Single, bytes: number, how: object) => {
        assert.equal(told, one);
        const { requests, copiedBytes, bufferedBytes, io, stable } = how as Record<string, unknown>;
        one.recycle();
        resolve({ bytes, how: { requests, copiedBytes, bufferedBytes, io, stable } });
      },
      failed: (_told: Single, error: unknown) => {
        one.recycle();
        resolve(errorOf(error));
      },
    };
    assert.equal(
      one.begin(owner, target, direction, offset, memory.buffer, memory.byteOffset, memory.length, options),
      'begun',
    );
  });

async function run(start: Start, seed: number): Promise<unknown> {
  const prng = new Prng(seed);
  const direction = prng.pick<Direction>(['read', 'write']);
  const bytes = prng.between(1, 16) * 4096;
  const offset = prng.below(100) * 4096;
  const faults: FaultRule[] = [];
  for (let at = 1; at <= prng.below(4); at++) faults.push({ at, fault: prng.pick(FAULTS) });
  if (prng.chance(0.2)) faults.push({ chance: 0.5, fault: prng.pick(FAULTS) });
  if (prng.chance(0.1)) faults.push({ range: { offset: offset + bytes - 512, length: 512 }, fault: 'EIO' });
  const target = new SimTarget({
    seed,
    faults,
    size: prng.chance(0.3) ? offset + prng.below(bytes) : offset + bytes + prng.below(10_000),
    contents: 'random',
    durable: prng.pick<'answer' | 'sync'>(['answer', 'sync']),
    noEffect: prng.pick([[], ['ENOSPC'], ['EIO']]),
    tearsSectors: prng.chance(0.3),
  });
  using region = new Region(bytes);
  for (let i = 0; i < bytes; i += 4) region.bytes[i] = prng.below(256);
  const told = await start(target, region.bytes, offset, direction, { dsync: prng.chance(0.3) });
  const media = new Uint8Array(target.media.size);
  target.media.read(0, media);
  // Of a read that failed any part of the memory may be filled; the simulator fills the same one.
  return { told, media: Buffer.from(media), memory: Buffer.from(region.bytes), sent: target.stats.submitted };
}

test('every end of a single is the one of a transfer', async () => {
  const seed = runSeed();
  for (let round = 0; round < ROUNDS; round++) {
    const [a, b] = [await run(planned, seed + round), await run(single, seed + round)];
    assert.deepEqual(b, a, `seed ${seed + round}`);
  }
});

test('what is more than one request, or not aligned, or refused for now, is left to a transfer', () => {
  using region = new Region(64 * 1024);
  const owner = { moved: () => assert.fail(), failed: () => assert.fail() };
  const begins = (target: SimTarget, offset: number, from: number, bytes: number): string =>
    takeSingle().begin(owner, target, 'write', offset, region.buffer, from, bytes, {});
  const target = new SimTarget({ size: 1 << 20, faults: [{ fault: 'full', at: 1 }] });
  assert.equal(begins(target, 1, 0, 4096), 'not one', 'its offset');
  assert.equal(begins(target, 0, 1, 4096), 'not one', 'its memory');
  assert.equal(begins(target, 0, 0, 100), 'not one', 'its length');
  assert.equal(begins(target, 0, 0, 0), 'not one', 'nothing');
  assert.equal(begins(target, 0, 0, 128 * 1024), 'not one', 'past its memory');
  assert.equal(begins(target, 0, 0, 4096), 'full');
  assert.equal(target.stats.submitted, 0);
});

test('memory that is detached in flight: an error with the ledger where more is to be sent', async () => {
  const target = new SimTarget({ size: 1 << 20 });
  let sent: Request | undefined;
  target.submit = (request) => {
    sent = request;
    return true;
  };
  const region = new Region(8192);
  const told = single(target, region.bytes, 0, 'write', {});
  region[Symbol.dispose](); // its views are empty from now on
  sent?.answer(4096, 'continue');
  sent?.release();
  const { error, bytes } = await told;
  assert.equal(bytes, 4096);
  assert.deepEqual((error as { extents: unknown }).extents, [
    { offset: 0, length: 4096, state: 'done' },
    { offset: 4096, length: 4096, state: 'unknown' },
  ]);
});
