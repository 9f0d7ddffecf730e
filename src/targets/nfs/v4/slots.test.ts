// Slots against a server that counts as RFC 8881 §2.10.6.1 has it: no number stands for two requests, none is left out.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forSeeds } from '../../../../test/support/prng.js';
import { SLOTS_MAX, SlotTable } from './slots.js';

describe('SlotTable', () => {
  it('gives the lowest free slot, with numbers from 1', () => {
    const slots = new SlotTable(3);
    assert.deepEqual([slots.acquire(), slots.acquire(), slots.acquire(), slots.acquire()], [0, 1, 2, -1]);
    assert.equal(slots.highestUsed(), 2);
    slots.accepted(1);
    assert.equal(slots.sequenceOf(1), 2);
    assert.equal(slots.sequenceOf(0), 1);
    assert.equal(slots.acquire(), 1);
    slots.refused(2);
    assert.equal(slots.sequenceOf(2), 1);
    assert.equal(slots.highestUsed(), 1);
  });

  it('keeps a lost slot from everybody until it is fenced', () => {
    const slots = new SlotTable(1);
    assert.equal(slots.acquire(), 0);
    slots.lose(0);
    assert.deepEqual([slots.acquire(), slots.busy, slots.lost], [-1, 0, 1]);
    assert.equal(slots.sequenceOf(0), 1);
    assert.equal(slots.highestUsed(), 0);
    assert.deepEqual([slots.isLost(0, 1), slots.isLost(0, 2)], [true, false]);
    slots.fenced(0);
    assert.equal(slots.isLost(0, 1), false);
    assert.deepEqual([slots.acquire(), slots.sequenceOf(0)], [0, 2]);
  });

  it('obeys the server that wants fewer, and says when there are more again', () => {
    const slots = new SlotTable(4);
    for (let i = 0; i < 4; i++) slots.acquire();
    assert.equal(slots.setTarget(1), false);
    assert.equal(slots.usable, 2);
    slots.accepted(3);
    assert.equal(slots.acquire(), -1);
    assert.equal(slots.highestUsed(), 2);
    slots.accepted(0);
    assert.equal(slots.acquire(), 0);
    assert.equal(slots.setTarget(1000), true);
    assert.equal(slots.usable, 4);
    assert.equal(slots.acquire(), 3);
    assert.equal(slots.setTarget(0), false);
    assert.equal(slots.usable, 1);
  });

  it('wraps numbers to 0', () => {
    const slots = new SlotTable(1, 0xffffffff);
    slots.acquire();
    slots.accepted(0);
    assert.equal(slots.sequenceOf(0), 0);
  });

  it('refuses what cannot be', () => {
    assert.throws(() => new SlotTable(0), /invariant/);
    assert.throws(() => new SlotTable(SLOTS_MAX + 1), /invariant/);
    const slots = new SlotTable(2);
    assert.throws(() => slots.accepted(0), /invariant/);
    assert.throws(() => slots.fenced(0), /invariant/);
    slots.acquire();
    slots.lose(0);
    assert.throws(() => slots.refused(0), /invariant/);
  });

  it('is never out of step with a server, whatever becomes of the requests', async () => {
    await forSeeds(1, 200, (_seed, prng) => {
      const count = prng.between(1, 8);
      const slots = new SlotTable(count);
      /** The server's count, and which request had each number. */
      const seen = Array.from({ length: count }, () => 0);
      const owners = new Map<string, number>();
      const out: { slot: number; request: number; arrived: boolean }[] = [];
      const lost: { slot: number }[] = [];
      const arrive = (slot: number, request: number): void => {
        const number = slots.sequenceOf(slot);
        const key = `${slot}:${number}`;
        const isReplay = number === seen[slot];
        assert.ok(isReplay || number === (seen[slot] ?? 0) + 1, `slot ${slot}: number ${number} behind ${seen[slot]}`);
        if (!isReplay) owners.set(key, request);
        else if (request >= 0) assert.equal(owners.get(key), request, 'a kept answer goes to its own request');
        seen[slot] = number;
      };
      for (let request = 0; request < 300; request++) {
        const slot = slots.acquire();
        if (slot >= 0) out.push({ slot, request, arrived: false });
        if (prng.chance(0.1)) slots.setTarget(prng.below(count + 2));
        const at = prng.below(Math.max(1, out.length));
        const call = out[at];
        if (call !== undefined && prng.chance(0.7)) {
          const fate = prng.pick(['answer', 'refuse', 'lose', 'lose unseen', 'resend'] as const);
          if (fate !== 'lose unseen' && (fate !== 'refuse' || call.arrived)) {
            arrive(call.slot, call.request);
            call.arrived = true;
          }
          if (fate === 'resend') continue;
          out.splice(at, 1);
          if (fate === 'answer') slots.accepted(call.slot);
          else if (fate === 'refuse') call.arrived ? slots.accepted(call.slot) : slots.refused(call.slot);
          else {
            slots.lose(call.slot);
            lost.push(call);
          }
        }
        if (lost.length > 0 && prng.chance(0.5)) {
          const [{ slot: fenced } = { slot: 0 }] = lost.splice(prng.below(lost.length), 1);
          // A bare SEQUENCE: whatever answer it gets, it is thrown away.
          arrive(fenced, -1);
          slots.fenced(fenced);
        }
        assert.equal(slots.busy, out.length);
        assert.equal(slots.lost, lost.length);
      }
    });
  });
});
