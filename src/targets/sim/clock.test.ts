// Virtual time: order, the pumps, and how promises interleave with events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pump, SimClock } from './clock.js';
import { Prng } from './prng.js';

test('events happen by time, those of one instant in the order of their scheduling', () => {
  const clock = new SimClock('manual');
  const prng = new Prng(3);
  const expected: { at: number; order: number }[] = [];
  const happened: { at: number; order: number }[] = [];
  for (let order = 0; order < 500; order++) {
    const at = prng.below(50);
    expected.push({ at, order });
    clock.after(at, () => {
      assert.equal(clock.nowNanos, at);
      happened.push({ at, order });
    });
  }
  expected.sort((a, b) => a.at - b.at || a.order - b.order);
  assert.equal(clock.pending, 500);
  assert.equal(clock.run(), 500);
  assert.deepEqual(happened, expected);
  assert.equal(clock.step(), false);
});

test('an event may schedule others, also for now', () => {
  const clock = new SimClock('manual');
  const seen: string[] = [];
  clock.after(10, () => {
    clock.after(0, () => seen.push('same instant'));
    clock.after(5, () => seen.push('later'));
    seen.push('first');
  });
  clock.after(12, () => seen.push('between'));
  clock.run();
  assert.deepEqual(seen, ['first', 'same instant', 'between', 'later']);
  assert.equal(clock.nowNanos, 15);
});

test('manual: nothing happens by itself', async () => {
  const clock = new SimClock('manual');
  let happened = 0;
  clock.after(0, () => happened++);
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.equal(happened, 0);
  await clock.settle();
  assert.equal(happened, 1);
});

for (const pump of ['immediate', 'microtask'] satisfies Pump[]) {
  test(`${pump}: events happen by themselves, never before the scheduling returns`, async () => {
    const clock = new SimClock(pump);
    let happened = 0;
    const all = new Promise<void>((resolve) => {
      const next = (): void => {
        if (++happened === 200) resolve();
        else clock.after(1, next);
      };
      clock.after(1, next);
    });
    assert.equal(happened, 0);
    await all;
    assert.equal(clock.nowNanos, 200);
    // Again after it was idle.
    await new Promise<void>((resolve) => clock.after(0, resolve));
  });
}

test('immediate: the event loop has its turn between events', async () => {
  const clock = new SimClock('immediate');
  let left = 1000;
  let turns = 0;
  const countTurns = (): void => {
    turns++;
    if (left > 0) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  await new Promise<void>((resolve) => {
    const next = (): void => {
      if (--left === 0) resolve();
      else clock.after(1, next);
    };
    clock.after(1, next);
  });
  assert.ok(turns >= 10, `${turns} turns`);
});

test('what an event resolves goes on before the next event', async () => {
  const clock = new SimClock('immediate');
  const seen: string[] = [];
  const first = new Promise<void>((resolve) => clock.after(1, resolve)).then(() => seen.push('continued'));
  const second = new Promise<void>((resolve) => clock.after(2, resolve)).then(() => seen.push('second'));
  clock.after(2, () => seen.push('event'));
  await Promise.all([first, second]);
  assert.deepEqual(seen, ['continued', 'second', 'event']);
});

test('settle waits for what promises schedule later', async () => {
  const clock = new SimClock('manual');
  let rounds = 0;
  const work = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => clock.after(3, resolve));
      await new Promise<void>((resolve) => setImmediate(resolve));
      rounds++;
    }
  };
  const done = work();
  await clock.settle();
  assert.equal(rounds, 20);
  await done;
});
