// The ring's queues, against a kernel played by the test: full queues, refusals, exceptions, budgets.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeRing } from '../../../../test/support/fake-ring.js';
import { Ring } from './ring.js';

const EAGAIN = 11;
/** Nothing is submitted before the tick ends. */
const WHOLE_TICK = { many: 256, alone: false };
const EBUSY = 16;
const EBADF = 9;

interface Answers {
  readonly results: number[];
  complete(result: number): void;
}

function answers(then?: (result: number) => void): Answers {
  const results: number[] = [];
  return {
    results,
    complete(result) {
      results.push(result);
      then?.(result);
    },
  };
}

function push(ring: Ring, owner: Answers, fd = 3): boolean {
  if (ring.nextSlot() < 0) return false;
  ring.push(owner, 22, fd, 0, 4096, 512, 0);
  return true;
}

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Collects uncaught exceptions instead of failing. */
function uncaught(t: TestContext): unknown[] {
  const seen: unknown[] = [];
  const others = process.rawListeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => seen.push(error));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other as NodeJS.UncaughtExceptionListener);
  });
  return seen;
}

test('what one tick submits goes in one enter, and keeps the loop alive until it is answered', async () => {
  const native = new FakeRing(8, 8);
  const ring = new Ring(native, 8, false, WHOLE_TICK);
  const owner = answers();
  for (let fd = 0; fd < 5; fd++) assert.ok(push(ring, owner, fd));
  assert.deepEqual(native.enters, [], 'nothing before the tick ends');
  assert.equal(native.held, true);
  await tick();
  assert.deepEqual(native.enters, [5]);
  assert.deepEqual(
    native.taken.map(({ fd }) => fd),
    [0, 1, 2, 3, 4],
  );
  native.postAll(512);
  assert.deepEqual(owner.results, []);
  ring.wake();
  assert.deepEqual(owner.results, [512, 512, 512, 512, 512]);
  assert.equal(ring.inFlight, 0);
  assert.equal(native.held, false);
});

test('a full submission queue is submitted, and a full ring says so until there is room', async () => {
  const native = new FakeRing(4, 16);
  const ring = new Ring(native, 10, false, WHOLE_TICK);
  const owner = answers();
  for (let i = 0; i < 10; i++) assert.ok(push(ring, owner), `push ${i}`);
  assert.deepEqual(native.enters, [4, 4], 'the third batch waits for the end of the tick');
  assert.equal(push(ring, owner), false);
  let drained = 0;
  ring.onceRoom(() => drained++);
  await tick();
  assert.equal(native.taken.length, 10);
  assert.equal(drained, 0);
  native.post(native.taken[0], 1);
  ring.wake();
  assert.equal(drained, 1);
  assert.ok(push(ring, owner));
  assert.equal(push(ring, owner), false);
});

test('positions wrap at 2^32', async () => {
  const native = new FakeRing(4, 4, 2 ** 32 - 3);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  const owner = answers();
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 4; i++) assert.ok(push(ring, owner));
    await tick();
    native.postAll(round);
    ring.wake();
  }
  assert.equal(owner.results.length, 20);
  assert.deepEqual(native.enters, [4, 4, 4, 4, 4]);
});

test('completions submit from within, and never overflow the completion queue', async () => {
  const native = new FakeRing(2, 4);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  let left = 200;
  const owner = answers(() => {
    if (left-- > 0) assert.ok(push(ring, owner));
  });
  for (let i = 0; i < 4; i++) assert.ok(push(ring, owner));
  while (ring.inFlight > 0) {
    await tick();
    native.postAll(7);
    ring.wake();
  }
  assert.equal(owner.results.length, 204);
});

test('an exception in one completion loses no other, and is uncaught', async (t) => {
  const native = new FakeRing(4, 4);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  const seen = uncaught(t);
  const good = answers();
  const bad = answers(() => {
    throw new Error('on purpose');
  });
  for (const owner of [good, bad, good, bad]) assert.ok(push(ring, owner));
  await tick();
  native.postAll(0);
  ring.wake();
  assert.equal(good.results.length, 2);
  assert.equal(bad.results.length, 2);
  assert.equal(ring.inFlight, 0);
  await turn();
  assert.deepEqual(seen.map(String), ['Error: on purpose', 'Error: on purpose']);
});

test('a completion that belongs to nothing is reported, and what is in flight stays so', async (t) => {
  const native = new FakeRing(4, 4);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  const seen = uncaught(t);
  const owner = answers();
  assert.ok(push(ring, owner));
  await tick();
  const [sqe] = native.taken;
  native.post({ opcode: 0, fd: 0, slot: sqe?.slot ?? 0, generation: (sqe?.generation ?? 0) + 1 }, 1);
  native.post({ opcode: 0, fd: 0, slot: 77, generation: 1 }, 1);
  ring.wake();
  assert.deepEqual(owner.results, []);
  native.post(sqe, 9);
  ring.wake();
  assert.deepEqual(owner.results, [9]);
  await turn();
  assert.equal(seen.length, 2);
});

test('an enter that says "again" is tried again, a part that was taken is not submitted twice', async () => {
  const native = new FakeRing(4, 4);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  const owner = answers();
  native.script.push(-EAGAIN, -EBUSY, 1, -EAGAIN, 1);
  for (let fd = 0; fd < 4; fd++) assert.ok(push(ring, owner, fd));
  while (native.taken.length < 4) await turn();
  assert.deepEqual(native.enters, [4, 4, 4, 3, 3, 2]);
  assert.deepEqual(
    native.taken.map(({ fd }) => fd),
    [0, 1, 2, 3],
  );
  native.postAll(0);
  ring.wake();
  assert.equal(owner.results.length, 4);
});

test('what the kernel refuses for good is answered with its error, later', async () => {
  const native = new FakeRing(4, 4);
  const ring = new Ring(native, 4, false, WHOLE_TICK);
  const owner = answers();
  native.script.push(1, -EBADF);
  for (let i = 0; i < 4; i++) assert.ok(push(ring, owner));
  while (owner.results.length < 3) await turn();
  assert.deepEqual(owner.results, [-EBADF, -EBADF, -EBADF]);
  assert.equal(ring.inFlight, 1, 'the one that was taken is awaited');
  for (let i = 0; i < 3; i++) assert.ok(push(ring, owner));
  await tick();
  native.postAll(5);
  ring.wake();
  assert.deepEqual(owner.results, [-EBADF, -EBADF, -EBADF, 5, 5, 5, 5]);
});

test('one turn reaps within its budget, and the rest follows by itself', async () => {
  const native = new FakeRing(512, 512);
  const ring = new Ring(native, 512, false, WHOLE_TICK);
  const owner = answers(() => {
    const end = performance.now() + 0.2;
    while (performance.now() < end);
  });
  for (let i = 0; i < 512; i++) assert.ok(push(ring, owner));
  await tick();
  native.postAll(0);
  ring.wake();
  const first = owner.results.length;
  assert.ok(first >= 16 && first <= 64, `about 5 ms of 0.2 ms each: ${first}`);
  while (ring.inFlight > 0) await turn();
  assert.equal(owner.results.length, 512);
});

test('offsets and addresses beyond 32 bits go in as two words', async () => {
  const native = new FakeRing(2, 2);
  const ring = new Ring(native, 2, false, WHOLE_TICK);
  assert.notEqual(ring.nextSlot(), -1);
  ring.push(answers(), 22, 5, 2 ** 53 - 4096, 0x7f12_3456_7000, 0x7ffff000, 2);
  ring.push(answers(), 22, 5, -1, 0, 0, 0);
  await tick();
  const words = new BigUint64Array(native.sqes);
  assert.equal(words[1], 2n ** 53n - 4096n);
  assert.equal(words[2], 0x7f12_3456_7000n);
  assert.equal(words[3], (2n << 32n) | 0x7ffff000n);
  assert.equal(words[9], 2n ** 64n - 1n, "the file's own position");
});

test('a ring with something in flight is not closed', async () => {
  const native = new FakeRing(2, 2);
  const ring = new Ring(native, 2, false, WHOLE_TICK);
  assert.ok(push(ring, answers()));
  assert.throws(() => ring.close(), /nothing is in flight/);
  await tick();
  native.postAll(0);
  ring.wake();
  ring.close();
  assert.equal(native.closed, true);
  assert.equal(ring.nextSlot(), -1);
});

test('what is taken back before the kernel has seen it becomes a request for nothing', async () => {
  const native = new FakeRing(8, 8);
  const ring = new Ring(native, 8, false, WHOLE_TICK);
  const [given, kept] = [answers(), answers()];
  for (const owner of [kept, given, kept]) assert.ok(push(ring, owner));
  ring.cancel(given);
  await tick();
  assert.deepEqual(
    native.taken.map(({ opcode }) => opcode),
    [22, 0, 22],
  );
  native.postAll(0);
  ring.wake();
  assert.deepEqual([given.results, kept.results], [[0], [0, 0]]);
});

test('what is taken back in flight is completed once, later, and the others are left alone', async () => {
  const native = new FakeRing(8, 8);
  const ring = new Ring(native, 8, false, WHOLE_TICK);
  const [given, kept] = [answers(), answers()];
  for (const owner of [kept, given]) assert.ok(push(ring, owner));
  await tick();
  ring.cancel(given);
  ring.cancel(given);
  assert.deepEqual(given.results, []);
  ring.wake();
  assert.deepEqual([given.results, kept.results], [[-125], []]);
  native.postAll(1);
  ring.wake();
  assert.deepEqual([given.results, kept.results], [[-125], [1]]);
});

test('what waits in the background does not keep the loop alive, and the others do', async () => {
  const native = new FakeRing(8, 8);
  const ring = new Ring(native, 8, false, WHOLE_TICK);
  const owner = answers();
  assert.ok(push(ring, owner));
  ring.background(1);
  assert.equal(native.held, false);
  assert.ok(push(ring, owner));
  assert.equal(native.held, true);
  await tick();
  native.post(native.taken[1], 0);
  ring.wake();
  assert.equal(native.held, false);
  ring.background(-1);
  assert.equal(native.held, true);
  native.postAll(0);
  ring.wake();
  assert.equal(native.held, false);
});

test('what is done within the enter is completed in its tick, where that is wanted', async () => {
  const native = new FakeRing(8, 8);
  const ring = new Ring(native, 8, false, WHOLE_TICK);
  const owner = answers();
  for (const prompt of [false, true]) {
    if (prompt) ring.promptly();
    assert.ok(push(ring, owner));
    native.onEnter = () => native.postAll(7);
    await tick();
    assert.deepEqual(owner.results, prompt ? [7, 7] : []);
    ring.wake();
  }
  assert.equal(native.held, false);
});

test('a device that is done before the call returns is answered in the same tick, without a signal', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, true);
  native.prompt = 512;
  const owner = answers();
  for (let i = 0; i < 5; i++) assert.ok(push(ring, owner));
  assert.deepEqual(owner.results, [], 'never before the tick');
  await tick();
  assert.deepEqual(owner.results, [512, 512, 512, 512, 512]);
  assert.equal(native.signals, 0);
  assert.equal(ring.inFlight, 0);
});

test('such a device keeps the event loop for a moment only', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, true);
  native.prompt = 512;
  let stopped = false;
  let turns = 0;
  const again = answers(() => {
    if (!stopped) push(ring, again);
  });
  push(ring, again);
  for (let last = 0; turns < 3; turns++) {
    await turn();
    assert.ok(again.results.length > last, 'each turn answers some');
    last = again.results.length;
  }
  stopped = true;
  await turn();
  await turn();
  assert.equal(ring.inFlight, 0);
});

test('one that is not is left to the eventfd, but for a look now and then', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, true);
  const owner = answers();
  for (let i = 0; i < 100; i++) {
    assert.ok(push(ring, owner));
    await tick();
    native.postAll(512);
    assert.equal(native.signals, i + 1, 'what comes later signals');
    assert.equal(owner.results.length, i);
    ring.wake();
    assert.equal(owner.results.length, i + 1);
  }
});

test('one alone goes at once, many in parts, so that the device works while more are made', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, false);
  const owner = answers();
  for (let i = 0; i < 6; i++) assert.ok(push(ring, owner));
  assert.deepEqual(native.enters, [1, 2, 2]);
  await tick();
  assert.deepEqual(native.enters, [1, 2, 2, 1]);
  native.postAll(512);
  ring.wake();
  assert.equal(owner.results.length, 6);
});

test('what only waits in the background leaves one alone', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, false);
  const owner = answers();
  assert.ok(push(ring, owner));
  ring.background(1);
  assert.ok(push(ring, owner));
  assert.deepEqual(native.enters, [1, 1]);
  ring.background(-1);
  await tick();
  native.postAll(512);
  ring.wake();
  assert.equal(owner.results.length, 2);
});

test('what answers submit goes out with the last of them, before the tick ends', async () => {
  const native = new FakeRing(16, 16);
  const ring = new Ring(native, 16, false, { many: 16, alone: false });
  let left = 5;
  const again = answers(() => {
    if (left-- > 0) assert.ok(push(ring, again));
  });
  for (let i = 0; i < 5; i++) assert.ok(push(ring, again));
  await tick();
  native.postAll(512);
  ring.wake();
  assert.deepEqual(native.enters, [5, 5]);
  native.postAll(512);
  ring.wake();
  assert.equal(again.results.length, 10);
  assert.equal(native.held, false);
});
