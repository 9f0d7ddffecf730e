import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Patience } from './patience.js';
import { COURTESY_MS } from './within.js';

describe('Patience', () => {
  it('lasts until the abort and a little longer', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const controller = new AbortController();
    const patience = new Patience(controller.signal);
    const given: number[] = [];
    let answer: (value: number) => void = () => {};
    const silent = patience.wait(
      () => new Promise<number>((resolve) => (answer = resolve)),
      (value) => given.push(value),
    );
    controller.abort('why');
    assert.equal(await patience.wait(async () => 1), 1);
    t.mock.timers.tick(COURTESY_MS - 1);
    assert.equal(patience.isOver, false);
    t.mock.timers.tick(1);
    await assert.rejects(silent, { name: 'AbortError', cause: 'why' });
    await assert.rejects(
      patience.wait(() => assert.fail('nobody asks any more')),
      { name: 'AbortError' },
    );
    answer(7);
    await new Promise(setImmediate);
    assert.deepEqual([patience.isOver, given], [true, [7]]);
  });

  it('tells what the work rejects with, and nothing once it has ended', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const controller = new AbortController();
    const patience = new Patience(controller.signal);
    await assert.rejects(
      patience.wait(() => Promise.reject(new RangeError('far'))),
      RangeError,
    );
    controller.abort();
    patience.end();
    patience.end();
    t.mock.timers.tick(2 * COURTESY_MS);
    assert.equal(patience.isOver, false);
    const late = new Patience(controller.signal);
    t.mock.timers.tick(COURTESY_MS);
    assert.equal(late.isOver, true);
  });
});
