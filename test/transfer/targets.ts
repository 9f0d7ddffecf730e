// Every shape of target but the plain file, as the simulator plays it.
import type { SimOptions } from '../../src/targets/sim/index.js';
import { BY_PLACE, BYTES, SMALL } from './limits.js';

const STRIPING = { stripeUnitBytes: 16_384, stripeCount: 3, objectBytes: 65_536 };

export const TARGETS: {
  readonly pipe: SimOptions;
  readonly striped: SimOptions;
  readonly [name: string]: SimOptions;
} = {
  pipe: { kind: 'pipe', limits: { ...BYTES, bestBytes: 40_000 }, pipeBytes: 30_000 },
  striped: { limits: { ...BYTES, bestBytes: 40_000 }, striping: STRIPING },
  'striped over blocks': { limits: SMALL, striping: STRIPING },
  'striped by odd sizes': {
    limits: { ...SMALL, bestBytes: 32_768 },
    striping: { stripeUnitBytes: 5001, stripeCount: 2, objectBytes: 5001 * 20 },
  },
  'released by commits': { limits: SMALL, commits: { bytes: 150_000, afterNanos: 1_000_000 } },
  'limits by place': { limits: BY_PLACE },
  'striped, limits by place': { limits: BY_PLACE, striping: STRIPING },
  'unknown size': { limits: SMALL, knowsSize: false },
  holes: { limits: SMALL, shortAtHole: true },
  'striped with holes': { limits: BYTES, shortAtHole: true, striping: STRIPING },
  'durable answers, torn sectors': { limits: SMALL, durable: 'answer', tearsSectors: true },
};
