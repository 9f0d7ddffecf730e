// The handle's own position: turns in order, takes at once where nobody waits, and what was not used given back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OwnPosition } from './own-position.js';

describe('OwnPosition', () => {
  it('turns run one after the other, whatever becomes of those before', async () => {
    const own = new OwnPosition();
    const seen: number[] = [];
    const turn = (bytes: number, fails: boolean): Promise<void> =>
      own.inTurn(async () => {
        seen.push(own.value);
        await null;
        own.value += bytes;
        if (fails) throw new Error('mine');
      });
    const turns = [turn(1, false), turn(2, true), turn(3, false)];
    assert.deepEqual(
      (await Promise.allSettled(turns)).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(seen, [0, 1, 3]);
    assert.equal(own.value, 6);
  });

  it('a take is told at once, or after the turns before it', async () => {
    const own = new OwnPosition();
    const got: number[] = [];
    own.take(10, (position) => got.push(position));
    assert.deepEqual(got, [0]);
    const turn = own.inTurn(async () => {
      own.value += 5;
    });
    own.take(1, (position) => got.push(position));
    own.take(1, (position) => got.push(position));
    assert.deepEqual(got, [0]);
    await turn;
    await own.inTurn(async () => {});
    assert.deepEqual(got, [0, 15, 16]);
  });

  it('what was not used is given back, unless somebody went on from there', () => {
    const own = new OwnPosition();
    own.take(100, () => {});
    own.giveBack(100, 40);
    assert.equal(own.value, 40);
    own.take(10, () => {});
    own.giveBack(40, 20);
    assert.equal(own.value, 50);
  });
});
