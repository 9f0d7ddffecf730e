// The pace against simulated devices whose knee is known.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forSeeds, Prng } from '../../test/support/prng.js';
import { type Chosen, Pace, type PaceBounds } from './pace.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BOUNDS: PaceBounds = {
  depthMin: 2,
  depthMax: 64,
  requestBytesMin: 256 * KIB,
  requestBytesMax: 4 * MIB,
  bytesMax: 32 * MIB,
};
const START: Chosen = { depth: 8, requestBytes: MIB, why: 'it starts so' };

interface Device {
  /** From a request's start to its answer, beside the transfer itself: what depth hides. */
  readonly latencyMs: number;
  /** All requests together; the knee is where depth × requestBytes / latency reaches it. */
  readonly bytesPerMs: number;
  /** The device is busy so long with each request, whatever its size. */
  readonly requestMs?: number;
  /** Bytes that one request moves at most per ms: what only more requests at a time get around. */
  readonly bytesPerMsEach?: number;
  /** Each service takes 1 ± noise times as long. */
  readonly noise?: number;
  /** The rate changes at random by up to so much, over some hundred requests: other users of the device. */
  readonly drift?: number;
}

/** A closed loop: as many requests in flight as the pace says, one after the other through a device. */
class Simulation {
  readonly pace: Pace;
  nowMs = 0;
  requests = 0;
  bytes = 0;
  readonly #device: Device;
  readonly #prng: Prng;
  #freeMs = 0;
  #speed = 1;
  readonly #flying: { atMs: number; bytes: number }[] = [];

  constructor(device: Device, prng: Prng, bounds: PaceBounds = BOUNDS, start: Chosen = START) {
    this.#device = device;
    this.#prng = prng;
    this.pace = new Pace(bounds, start);
    this.pace.used(1);
  }

  /** Runs until `requests` more have been answered, and tells their bytes per ms. */
  run(requests: number): number {
    const { nowMs, bytes } = this;
    for (let i = 0; i < requests; i++) this.#step();
    return (this.bytes - bytes) / (this.nowMs - nowMs);
  }

  #step(): void {
    const { pace } = this;
    while (this.#flying.length < pace.depth) this.#send(pace.requestBytes);
    this.#assertBounds();
    this.#flying.sort((a, b) => a.atMs - b.atMs);
    const first = this.#flying.shift();
    assert(first !== undefined);
    this.nowMs = Math.max(this.nowMs, first.atMs);
    this.requests++;
    this.bytes += first.bytes;
    pace.answered(first.bytes, this.nowMs);
  }

  #send(bytes: number): void {
    const { latencyMs, bytesPerMs, requestMs = 0, bytesPerMsEach, noise = 0, drift = 0 } = this.#device;
    if (this.requests % 256 === 0) this.#speed = 1 + drift * (2 * this.#prng.fraction() - 1);
    const factor = (1 + noise * (2 * this.#prng.fraction() - 1)) / this.#speed;
    this.#freeMs = Math.max(this.#freeMs, this.nowMs) + (bytes / bytesPerMs + requestMs) * factor;
    const alone = bytesPerMsEach === undefined ? 0 : bytes / bytesPerMsEach;
    this.#flying.push({ atMs: Math.max(this.#freeMs, this.nowMs + alone) + latencyMs, bytes });
  }

  #assertBounds(): void {
    const { depth, requestBytes, chosen, bounds } = this.pace;
    for (const each of [{ depth, requestBytes }, chosen]) {
      assert(each.depth >= bounds.depthMin && each.depth <= bounds.depthMax, `depth ${each.depth}`);
      assert(each.requestBytes >= bounds.requestBytesMin && each.requestBytes <= bounds.requestBytesMax);
      assert(each.depth * each.requestBytes <= bounds.bytesMax, `${each.depth} × ${each.requestBytes}`);
    }
  }
}

/** What a device gives at a choice that is never changed. */
function rateAt(device: Device, depth: number, requestBytes: number, prng: Prng): number {
  const fixed = { depthMin: depth, depthMax: depth, requestBytesMin: requestBytes, requestBytesMax: requestBytes };
  const bounds = { ...fixed, bytesMax: depth * requestBytes };
  return new Simulation(device, prng, bounds, { depth, requestBytes, why: 'fixed' }).run(2000);
}

/** The best of a sweep over all that the bounds allow. */
function bestRate(device: Device): number {
  const prng = new Prng(1);
  let best = 0;
  for (let depth = BOUNDS.depthMin; depth <= BOUNDS.depthMax; depth *= 2)
    for (let bytes = BOUNDS.requestBytesMin; bytes <= BOUNDS.requestBytesMax; bytes *= 2)
      if (depth * bytes <= BOUNDS.bytesMax) best = Math.max(best, rateAt(device, depth, bytes, prng));
  return best;
}

const DEVICES: Record<string, Device> = {
  'a disk that is busy with two requests': { latencyMs: 0.3, bytesPerMs: 2 * MIB },
  'one with its knee at 16 requests': { latencyMs: 8, bytesPerMs: 2 * MIB },
  'one so far away that all that is allowed is not enough': { latencyMs: 100, bytesPerMs: 2 * MIB },
  'a slow one': { latencyMs: 5, bytesPerMs: 0.1 * MIB },
  'one that is busy with each request for long': { latencyMs: 1, bytesPerMs: 3 * MIB, requestMs: 0.4 },
  'one that moves one request slowly and many fast': { latencyMs: 0.2, bytesPerMs: 4 * MIB, bytesPerMsEach: 0.3 * MIB },
};

describe('Pace', () => {
  for (const [name, device] of Object.entries(DEVICES)) {
    it(`comes within 5 % of the best of a sweep on ${name}, within 1,500 requests`, () => {
      const best = bestRate(device);
      return forSeeds(1, 5, (_, prng) => {
        const simulation = new Simulation(device, prng);
        simulation.run(1500);
        const rate = simulation.run(4000);
        assert(
          rate >= 0.95 * best,
          `${(rate / best).toFixed(3)} of the best, at ${JSON.stringify(simulation.pace.chosen)}`,
        );
      });
    });

    it(`stays within 10 % of it under noise and drift on ${name}, whatever the seed`, () => {
      const noisy = { ...device, noise: 0.5, drift: 0.15 };
      const best = bestRate(noisy);
      return forSeeds(100, 20, (_, prng) => {
        const simulation = new Simulation(noisy, prng);
        simulation.run(3000);
        const rates = Array.from({ length: 40 }, () => simulation.run(500));
        const rate = rates.length / rates.reduce((sum, each) => sum + 1 / each, 0);
        assert(Math.min(...rates) >= 0.5 * best, `starved: ${(Math.min(...rates) / best).toFixed(3)} for 500 requests`);
        assert(
          rate >= 0.9 * best,
          `${(rate / best).toFixed(3)} of the best, at ${JSON.stringify(simulation.pace.chosen)}`,
        );
      });
    });
  }

  it('grows while the rate grows, and says so', () =>
    forSeeds(1, 3, (_, prng) => {
      const simulation = new Simulation({ latencyMs: 20, bytesPerMs: 2 * MIB }, prng);
      simulation.run(400);
      assert.equal(simulation.pace.chosen.depth * simulation.pace.chosen.requestBytes, 32 * MIB);
      assert.equal(simulation.pace.chosen.why, 'more requests in flight moved more');
    }));

  it('shrinks where more in flight only waits longer, and says so', () =>
    forSeeds(1, 3, (_, prng) => {
      const start = { depth: 32, requestBytes: MIB, why: 'too deep' };
      const simulation = new Simulation({ latencyMs: 0.1, bytesPerMs: MIB }, prng, BOUNDS, start);
      simulation.run(20_000);
      assert(simulation.pace.chosen.depth <= 8, JSON.stringify(simulation.pace.chosen));
      assert.equal(simulation.pace.chosen.why, 'more requests in flight only waited longer');
    }));

  it('settles: on a steady device trials become rare', () =>
    forSeeds(1, 3, (_, prng) => {
      const simulation = new Simulation({ latencyMs: 2, bytesPerMs: 2 * MIB }, prng);
      simulation.run(30_000);
      let tried = 0;
      for (let i = 0; i < 10_000; i++) {
        simulation.run(1);
        const { depth, requestBytes, chosen } = simulation.pace;
        if (depth !== chosen.depth || requestBytes !== chosen.requestBytes) tried++;
      }
      assert(tried < 1000, `${tried} of 10,000 requests went by another choice`);
    }));

  it('follows a device whose knee moves', () =>
    forSeeds(1, 3, (_, prng) => {
      const device = { latencyMs: 0.2, bytesPerMs: MIB };
      const simulation = new Simulation(device, prng, BOUNDS, { ...START, depth: 2 });
      simulation.run(5000);
      device.latencyMs = 16;
      simulation.run(20_000);
      const rate = simulation.run(2000);
      const best = bestRate(device);
      assert(rate >= 0.9 * best, `${(rate / best).toFixed(3)} of the best after it moved`);
    }));

  it('learns nothing while the pipeline is not full', () => {
    const pace = new Pace(BOUNDS, START);
    pace.used(1);
    for (let i = 0; i < 10_000; i++) {
      pace.answered(MIB, i);
      if (i % 10 === 0) pace.interrupted();
    }
    assert.deepEqual([pace.depth, pace.requestBytes, pace.chosen], [START.depth, START.requestBytes, START]);
  });

  it('compares no rates of different numbers of users', () => {
    const pace = new Pace(BOUNDS, START);
    pace.used(1);
    for (let i = 0; pace.depth === START.depth; i++) {
      assert(i < 1000, 'it tries something');
      pace.answered(MIB, i);
    }
    pace.used(1);
    assert.equal(pace.depth, START.depth, 'what was tried is void');
    assert.equal(pace.chosen, START);
    pace.used(-1);
    pace.used(-1);
    assert.throws(() => pace.used(-1));
  });

  it('makes requests smaller where handing them over holds the thread, and never larger again', () =>
    forSeeds(1, 3, (_, prng) => {
      const bounds = { ...BOUNDS, requestBytesMin: 512 * KIB };
      const simulation = new Simulation({ latencyMs: 0.1, bytesPerMs: 2 * MIB }, prng, bounds);
      const { pace } = simulation;
      for (const heldMs of [3, 3, 1, 3, 3]) pace.submitted(heldMs);
      assert.equal(pace.requestBytes, MIB, 'one that was short between them: it is no rule');
      pace.submitted(3);
      assert.equal(pace.chosen.requestBytes, 512 * KIB);
      assert.match(pace.chosen.why, /held the event loop/);
      for (let i = 0; i < 10; i++) pace.submitted(3);
      assert.equal(pace.requestBytes, 512 * KIB, 'not below its bounds');
      for (let i = 0; i < 20_000; i++) {
        simulation.run(1);
        assert(pace.requestBytes <= 512 * KIB);
      }
    }));

  it('has nothing to try where the bounds leave no choice', () =>
    forSeeds(1, 1, (_, prng) => {
      const bounds = { depthMin: 4, depthMax: 4, requestBytesMin: MIB, requestBytesMax: MIB, bytesMax: 4 * MIB };
      const start = { depth: 4, requestBytes: MIB, why: 'nothing else is allowed' };
      const simulation = new Simulation({ latencyMs: 1, bytesPerMs: MIB }, prng, bounds, start);
      simulation.run(5000);
      assert.equal(simulation.pace.chosen, start);
    }));

  it('refuses a start outside its bounds', () => {
    assert.throws(() => new Pace(BOUNDS, { ...START, depth: 1 }));
    assert.throws(() => new Pace(BOUNDS, { ...START, depth: 64 }));
  });
});
