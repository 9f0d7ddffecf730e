// The queue before the thread pool: order, bounds, room, exceptions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bounded } from './bounded.js';
import { Op, type Operation } from './engine.js';

type Done = (result: number) => void;

function operation(fd: number, complete: Done): Operation {
  return { op: Op.FSYNC, fd, offset: 0, length: 0, flags: 0, segments: null, buffered: false, complete };
}

test('at most activeMax are handed on, first in first out, and depth holds', () => {
  const started: { fd: number; done: Done }[] = [];
  const queue = new Bounded(5, 2, ({ fd }, done) => started.push({ fd, done }));
  const completed: number[] = [];
  for (let fd = 0; fd < 5; fd++) assert.ok(queue.submit(operation(fd, () => completed.push(fd))));
  assert.equal(queue.submit(operation(9, () => assert.fail('it was not taken'))), false);
  assert.deepEqual(
    started.map(({ fd }) => fd),
    [0, 1],
  );
  assert.equal(queue.inFlight, 5);

  let drained = 0;
  queue.onceDrained(() => drained++);
  queue.onceDrained(() => {
    drained++;
    assert.ok(queue.submit(operation(5, () => completed.push(5))));
    queue.onceDrained(() => drained++);
  });
  started[1]?.done(0);
  assert.equal(drained, 2, 'both are called, for the first left room');
  assert.deepEqual(completed, [1]);
  assert.deepEqual(
    started.map(({ fd }) => fd),
    [0, 1, 2],
  );
  for (const at of [0, 2, 3, 4, 5]) started[at]?.done(0);
  assert.equal(drained, 3);
  assert.deepEqual(completed, [1, 0, 2, 3, 4, 5]);
  assert.equal(queue.inFlight, 0);
});

test('who asks for room that there is already gets it, on a later tick', async () => {
  const queue = new Bounded(1, 1, () => undefined);
  let called = false;
  queue.onceDrained(() => {
    called = true;
  });
  assert.equal(called, false);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  assert.equal(called, true);
});
