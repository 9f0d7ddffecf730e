// Limits that make small transfers take many requests.
import type { Limits } from '../../src/plan/limits.js';
import { SIM_LIMITS } from '../../src/targets/sim/index.js';

/** A disk whose requests are small. */
export const SMALL: Limits = { ...SIM_LIMITS, maxBytes: 131_072, bestBytes: 65_536, maxSegments: 32, bestSegments: 16 };

/** The same with 4,096-byte blocks. */
export const SMALL_4K: Limits = { ...SMALL, memoryAlignment: 4096, offsetAlignment: 4096 };

/** A server that takes bytes. */
export const BYTES: Limits = {
  ...SMALL,
  memoryAlignment: 1,
  offsetAlignment: 1,
  endAlignment: 1,
  copyBreakBytes: 1024,
  bestBytes: 50_001,
};

/** Other limits from 100 KiB on, others again from 200 KiB on, and no request across 48 KiB. */
export const BY_PLACE: readonly Limits[] = [
  { ...SMALL, until: 102_400 },
  { ...SMALL_4K, until: 204_800 },
  { ...SMALL, boundaryBytes: 49_152, bestBytes: 49_152 },
];
