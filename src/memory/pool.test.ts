// The pool: budget, page alignment, no two leases of the same memory, order of those who wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, runSeed } from '../../test/support/random.js';
import { hostPages } from './pages.js';
import { defaultPool, type Lease, Pool } from './pool.js';

const PAGE = 4096;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function mustLease(pool: Pool, bytes: number): Lease {
  const lease = pool.lease(bytes);
  assert(lease !== null, `a lease of ${bytes} bytes`);
  return lease;
}

test('a lease has whole pages, starts on one, and has one view', () => {
  const pool = new Pool({ bytesMax: 16 * PAGE });
  const lease = mustLease(pool, 5000);
  assert.equal(lease.length, 2 * PAGE);
  assert.equal(lease.bytes.byteLength, lease.length);
  assert.equal(lease.bytes.buffer, lease.buffer);
  assert.equal(lease.bytes.byteOffset, lease.byteOffset);
  assert.equal(lease.bytes, lease.bytes);
  const inPage = hostPages().offsetInPage(lease.buffer);
  assert((inPage === 0 && lease.byteOffset % PAGE === 0) || inPage === -1);
  assert.equal(pool.leased, 2 * PAGE);
  lease.release();
  assert.equal(pool.leased, 0);
  assert.equal(pool.stats.leases, 0);
});

test('a second release is an error, and so is using a released lease; disposing again is none', () => {
  const pool = new Pool({ bytesMax: 16 * PAGE });
  const lease = mustLease(pool, 1);
  lease.release();
  assert.throws(() => lease.release(), { code: 'ERR_DIORITE_ASSERTION' });
  assert.throws(() => lease.bytes, { code: 'ERR_DIORITE_CLOSED' });
  assert.throws(() => lease.handle, { code: 'ERR_DIORITE_CLOSED' });
  lease[Symbol.dispose]();
  const other = mustLease(pool, 1);
  other[Symbol.dispose]();
  assert.equal(other.released, true);
  assert.equal(pool.leased, 0);
});

test('what can never be had is an error; what is full now is null', () => {
  const pool = new Pool({ bytesMax: 10 * PAGE, regionBytes: 4 * PAGE });
  assert.throws(() => pool.lease(10 * PAGE + 1), { code: 'ERR_DIORITE_BUDGET' });
  for (const bad of [0, -1, 1.5, Number.NaN, 2 ** 60])
    assert.throws(() => pool.lease(bad), { code: 'ERR_OUT_OF_RANGE' });
  const leases = [mustLease(pool, 4 * PAGE), mustLease(pool, 4 * PAGE), mustLease(pool, 2 * PAGE)];
  assert.equal(pool.stats.bytesMapped, 10 * PAGE, 'the last region is as small as the rest of the budget');
  assert.equal(pool.lease(1), null);
  for (const lease of leases) lease.release();
  assert.equal(pool.leased, 0);
});

test('options are checked', () => {
  assert.throws(() => new Pool({ bytesMax: 100 }), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new Pool({ bytesMax: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new Pool({ bytesMax: 2 * PAGE, regionBytes: 1 }), { code: 'ERR_OUT_OF_RANGE' });
  assert.equal(new Pool({ bytesMax: 2 * PAGE + 1 }).bytesMax, 2 * PAGE);
  assert.equal(new Pool({ bytesMax: 2 * PAGE }).regionBytes, 2 * PAGE);
});

test('a lease larger than a region gets its own, for which idle ones make way', () => {
  const pool = new Pool({ bytesMax: 8 * PAGE, regionBytes: 2 * PAGE });
  const small = Array.from({ length: 4 }, () => mustLease(pool, 2 * PAGE));
  assert.equal(pool.stats.regions, 4);
  for (const lease of small) lease.release();
  const large = mustLease(pool, 7 * PAGE);
  assert.equal(pool.stats.bytesMapped, 7 * PAGE);
  assert.equal(pool.stats.regions, 1);
  large.release();
});

test('neighbours merge: after any order of releases the region can be leased whole', () => {
  const pool = new Pool({ bytesMax: 8 * PAGE, regionBytes: 8 * PAGE });
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
    [2, 0, 3, 1],
  ]) {
    const leases = Array.from({ length: 4 }, () => mustLease(pool, 2 * PAGE));
    assert.equal(pool.lease(1), null);
    for (const index of order) leases[index]?.release();
    mustLease(pool, 8 * PAGE).release();
  }
});

test('memory is used again hot', () => {
  const pool = new Pool({ bytesMax: 64 * PAGE });
  const first = mustLease(pool, PAGE);
  const hold = mustLease(pool, PAGE);
  const { byteOffset } = first;
  first.release();
  const again = mustLease(pool, PAGE);
  assert.equal(again.byteOffset, byteOffset);
  again.release();
  hold.release();
});

test('idle regions are given back down to one', () => {
  const pool = new Pool({ bytesMax: 16 * PAGE, regionBytes: 4 * PAGE });
  const leases = Array.from({ length: 4 }, () => mustLease(pool, 4 * PAGE));
  const bytes = leases.map((lease) => lease.bytes);
  for (const lease of leases) lease.release();
  assert.equal(pool.stats.idleRegions, 4);
  assert.equal(pool.trim(), 12 * PAGE);
  assert.equal(pool.stats.bytesMapped, 4 * PAGE);
  assert.equal(bytes.filter((view) => view.length === 0).length, 3, 'views of memory that is gone are empty');
  assert.equal(pool.trim(), 0);
});

test('idle regions go by themselves, once they have lain idle for a whole interval', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pool = new Pool({ bytesMax: 16 * PAGE, regionBytes: 4 * PAGE });
  const leases = Array.from({ length: 3 }, () => mustLease(pool, 4 * PAGE));
  for (const lease of leases) lease.release();
  t.mock.timers.tick(1000);
  assert.equal(pool.stats.regions, 3, 'they became idle since the last look');
  t.mock.timers.tick(1000);
  assert.equal(pool.stats.regions, 1);
});

test('released memory is poisoned on request', () => {
  const pool = new Pool({ bytesMax: 4 * PAGE, poison: true });
  const lease = mustLease(pool, PAGE);
  const { bytes } = lease;
  bytes.fill(1);
  lease.release();
  assert(bytes.every((byte) => byte === 0xdb));
});

test('who waits is called after a release, on a turn of its own, one after the other', async () => {
  const pool = new Pool({ bytesMax: 2 * PAGE });
  const lease = mustLease(pool, 2 * PAGE);
  const called: string[] = [];
  const first = (): void => void called.push('first');
  pool.onceFree(first);
  pool.onceFree(() => called.push('second'));
  pool.onceFree(first);
  assert.equal(pool.stats.waiting, 2, 'who waits already is not added');
  await turn();
  assert.deepEqual(called, [], 'nothing was released');
  lease.release();
  assert.deepEqual(called, [], 'never from within release');
  await turn();
  assert.deepEqual(called, ['first']);
  await turn();
  assert.deepEqual(called, ['first', 'second']);
});

test('nobody overtakes: a large lease is not starved by small ones', async () => {
  const pool = new Pool({ bytesMax: 4 * PAGE });
  const small = Array.from({ length: 4 }, () => mustLease(pool, PAGE));
  const got: string[] = [];
  const held: Lease[] = [];
  const ask = (name: string, bytes: number): (() => void) => {
    const again = (): void => {
      const lease = pool.lease(bytes);
      if (lease === null) return pool.onceFree(again);
      got.push(name);
      held.push(lease);
    };
    return again;
  };
  pool.onceFree(ask('large', 3 * PAGE));
  pool.onceFree(ask('small', PAGE));
  for (const lease of small) {
    assert.deepEqual(got, []);
    lease.release();
    assert.equal(pool.lease(PAGE), null, 'others wait');
    await turn();
    if (got.length > 0) break;
  }
  assert.deepEqual(got, ['large']);
  await turn();
  assert.deepEqual(got, ['large'], 'the fourth page is still leased');
  small[3]?.release();
  await turn();
  assert.deepEqual(got, ['large', 'small']);
  for (const lease of held) lease.release();
  assert.equal(pool.leased, 0);
});

test('a callback that throws does not keep those behind it waiting', async (t) => {
  const pool = new Pool({ bytesMax: PAGE });
  const lease = mustLease(pool, PAGE);
  const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const called = new Promise<void>((resolve) => {
    pool.onceFree(() => {
      throw new Error('mine');
    });
    pool.onceFree(resolve);
  });
  lease.release();
  assert.match(String(await thrown), /mine/);
  await called;
  assert.equal(pool.stats.waiting, 0);
});

test('waiting for an empty pool ends at once', async () => {
  const pool = new Pool({ bytesMax: PAGE });
  await new Promise<void>((resolve) => pool.onceFree(resolve));
});

test('a region whose buffer was transferred away is left behind', () => {
  const pool = new Pool({ bytesMax: 8 * PAGE, regionBytes: 4 * PAGE });
  const first = mustLease(pool, PAGE);
  const second = mustLease(pool, PAGE);
  structuredCloneOrSkip(first.buffer);
  const gone = first.buffer.byteLength === 0;
  const third = mustLease(pool, PAGE);
  assert.equal(third.bytes.length, PAGE);
  assert.equal(third.buffer === first.buffer, !gone);
  for (const lease of [first, second, third]) lease.release();
  assert.equal(pool.leased, 0);
  assert(pool.stats.bytesMapped <= 4 * PAGE);
});

/** Buffers over native memory refuse it (Node 22) or are copied (Node 20); portable ones go. */
function structuredCloneOrSkip(buffer: ArrayBuffer): void {
  try {
    structuredClone(buffer, { transfer: [buffer] });
  } catch (error) {
    assert(error instanceof Error && error.name === 'DataCloneError');
  }
}

interface Held {
  readonly lease: Lease;
  readonly tag: number;
}

/** Every page of what is held still has its tag: nobody else was given the same memory. */
function checkTags(held: readonly Held[], context: string): void {
  for (const { lease, tag } of held) {
    const words = new Uint32Array(lease.buffer, lease.byteOffset, lease.length / 4);
    for (let at = 0; at < words.length; at += PAGE / 4) assert.equal(words[at], tag, context);
  }
}

test('random leases never share memory, stay in the budget and all come back', () => {
  const seed = runSeed();
  const random = new Random(seed);
  const pool = new Pool({ bytesMax: 512 * PAGE, regionBytes: 64 * PAGE, poison: true });
  const held: Held[] = [];
  let bytes = 0;
  for (let step = 1; step <= 20_000; step++) {
    const context = `seed ${seed}, step ${step}`;
    const wanted = random.chance(20) ? random.between(1, 200 * PAGE) : random.between(1, 12 * PAGE);
    const lease = random.chance(2) ? pool.lease(wanted) : null;
    if (lease !== null) {
      assert(lease.length >= wanted && lease.length < wanted + PAGE, context);
      const words = new Uint32Array(lease.buffer, lease.byteOffset, lease.length / 4);
      for (let at = 0; at < words.length; at += PAGE / 4) words[at] = step;
      held.push({ lease, tag: step });
      bytes += lease.length;
    } else if (held.length > 0) {
      const index = random.below(held.length);
      const [gone] = held.splice(index, 1);
      bytes -= gone?.lease.length ?? 0;
      gone?.lease.release();
    }
    assert.equal(pool.leased, bytes, context);
    assert(pool.stats.bytesMapped <= pool.bytesMax, context);
    if (step % 500 === 0) checkTags(held, context);
  }
  for (const { lease } of held) lease.release();
  assert.equal(pool.leased, 0, `seed ${seed}`);
  assert.equal(pool.stats.idleRegions, pool.stats.regions, `everything merged again; seed ${seed}`);
});

test('the default pool is one per isolate and empty at first', () => {
  assert.equal(defaultPool(), defaultPool());
  assert.equal(defaultPool().bytesMax, 128 * 1024 * 1024);
  assert.equal(defaultPool().stats.bytesMapped, 0);
});
