// A random transfer against a random target under random faults: everything follows from the seed.
import { alignUp } from '../../src/base/integers.js';
import type { Direction, Limits } from '../../src/plan/limits.js';
import type { FaultKind, FaultRule, Latency, Pump, SimOptions } from '../../src/targets/sim/index.js';
import type { Striping } from '../../src/targets/striping.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import { MEMORY_KINDS, type MemoryKind } from '../support/iterators.js';
import { Prng } from '../support/prng.js';
import type { Case } from './harness.js';
import { BYTES } from './limits.js';
import { SHAPES } from './memory.js';

const KINDS: readonly [FaultKind, ...FaultKind[]] = [
  'EIO',
  'ENOSPC',
  'ETIMEDOUT',
  'EINVAL',
  'EAGAIN',
  'EINTR',
  'short',
  'short-unaligned',
  'zero',
  'full',
  'late',
  'early',
];

export function randomCase(seed: number): Case {
  const prng = new Prng(seed);
  const direction = prng.pick<Direction>(['read', 'write']);
  const offset = randomOffset(prng);
  const bytes = prng.pick([prng.below(2000), prng.below(50_000), prng.below(400_000)]);
  const sizeBefore = prng.chance(0.5) ? offset + prng.below(bytes + 10_000) : undefined;
  const device = prng.chance(0.3) && sizeBefore !== undefined;
  const size = device ? alignUp(sizeBefore, 512) : sizeBefore;
  const sim: SimOptions = {
    kind: device ? 'device' : 'file',
    striping: prng.chance(0.3) ? randomStriping(prng) : undefined,
    commits: prng.chance(0.2) ? { bytes: prng.below(300_000), afterNanos: prng.below(2_000_000) } : undefined,
    tearsSectors: prng.chance(0.3),
    failedSync: prng.pick(['loses', 'poisons', 'keeps']),
    limits: randomZones(prng),
    faults: [...randomFaults(prng, offset, bytes), ...(direction === 'read' ? randomResize(prng, offset, bytes) : [])],
    queueDepth: prng.pick([1, 2, 5, 128]),
    latency: randomLatency(prng),
    releaseLatency: prng.chance(0.5) ? randomLatency(prng) : undefined,
    sectorBytes: prng.pick([512, 4096]),
    shortAtHole: prng.chance(0.2),
    noEffect: prng.pick([[], [], ['ENOSPC'], ['EIO', 'EINVAL']]),
    cancel: prng.pick<'ignored' | 'honoured'>(['ignored', 'honoured']),
    ends: prng.pick<'buffered' | 'rewrite'>(['buffered', 'rewrite']),
    pump: prng.pick<Pump>(['immediate', 'microtask']),
    ...(prng.chance(0.2) && direction === 'write' && !device ? { spaceBytes: prng.below(bytes + 1) } : {}),
  };
  // Objects take any bytes: nothing is rewritten for their ends. Nobody answers with holes who does not know the size.
  if (sim.striping !== undefined) Object.assign(sim, { ends: 'buffered' });
  else if (prng.chance(0.15)) Object.assign(sim, randomPipe(prng));
  if (sim.shortAtHole !== true && prng.chance(0.1)) Object.assign(sim, { knowsSize: false });
  const options: TransferOptions = {
    depth: prng.pick([undefined, 1, 2, 7, 64]),
    bytesInFlight: prng.pick([undefined, 1, prng.below(100_000), prng.below(1_000_000)]),
    dsync: prng.chance(0.2),
  };
  const shape = prng.pick(SHAPES);
  const kind = prng.pick<MemoryKind | undefined>([undefined, 'folioq', ...MEMORY_KINDS]);
  const base: Case = { seed, direction, shape, kind, offset, bytes, sim, options };
  const sized = size === undefined ? base : { ...base, size };
  if (!prng.chance(0.25)) return sized;
  return { ...sized, abortAt: { kind: prng.pick(['submitted', 'answered', 'released']), count: prng.between(1, 10) } };
}

function randomOffset(prng: Prng): number {
  const near = prng.below(300_000);
  return prng.pick([0, near, near - (near % 512), near - (near % 4096), 2 ** 32 - 100_000 + near, 2 ** 45 + near]);
}

function randomStriping(prng: Prng): Striping {
  // Of any size, as a layout may have it; and of whole blocks, as Ceph's are.
  const stripeUnitBytes = prng.pick([prng.between(1500, 40_000), 16_384, 65_536]);
  return { stripeUnitBytes, stripeCount: prng.between(1, 5), objectBytes: stripeUnitBytes * prng.between(1, 6) };
}

function randomPipe(prng: Prng): SimOptions {
  return {
    kind: 'pipe',
    limits: { ...BYTES, bestBytes: prng.between(5000, 100_000), copyBreakBytes: prng.pick([0, 1024]) },
    pipeBytes: prng.pick([1000, 4096, 65_536]),
    shortAtHole: false,
    ends: 'buffered',
    spaceBytes: undefined,
  };
}

function randomLatency(prng: Prng): Latency {
  const minNanos = prng.below(1000);
  return { minNanos, meanNanos: minNanos + prng.pick([0, 1000, 1_000_000]) };
}

function randomZones(prng: Prng): Limits | Limits[] {
  if (prng.chance(0.7)) return randomLimits(prng, Number.POSITIVE_INFINITY);
  // Zones meet where the alignments of both sides allow it.
  const first = prng.between(1, 20) * 16_384;
  const second = first + prng.between(1, 20) * 16_384;
  return [first, second, Number.POSITIVE_INFINITY].map((until) => randomLimits(prng, until));
}

function randomLimits(prng: Prng, until: number): Limits {
  const offsetAlignment = prng.pick([1, 512, 512, 4096]);
  const endAlignment = Math.max(offsetAlignment, prng.pick([1, 4096, 16_384]));
  const bestBytes = alignUp(prng.between(endAlignment, endAlignment + 100_000), offsetAlignment);
  const bestSegments = prng.pick([1, 2, 16, 256]);
  return {
    memoryAlignment: prng.pick([1, 4, 512, 4096]),
    offsetAlignment,
    endAlignment,
    maxBytes: bestBytes + prng.pick([0, 1_000_000]),
    bestBytes,
    maxSegments: bestSegments + prng.pick([0, 1000]),
    bestSegments,
    copyBreakBytes: prng.pick([0, 1024, 4096]),
    boundaryBytes: prng.chance(0.3) ? 16_384 * prng.between(1, 5) : 0,
    until,
  };
}

function randomFaults(prng: Prng, offset: number, bytes: number): FaultRule[] {
  const faults: FaultRule[] = [];
  for (let count = prng.below(4); count > 0; count--) {
    const fault = prng.pick(KINDS);
    const way = prng.below(3);
    if (way === 0) faults.push({ fault, chance: prng.pick([0.02, 0.2]) });
    else if (way === 1) faults.push({ fault, at: prng.between(1, 12), times: prng.pick([1, 1, 3]) });
    else if (fault !== 'full')
      faults.push({ fault, range: { offset: offset + prng.below(bytes + 1), length: prng.between(1, 9000) } });
  }
  return faults;
}

/** Another process truncates or extends what is read. */
function randomResize(prng: Prng, offset: number, bytes: number): FaultRule[] {
  if (!prng.chance(0.15)) return [];
  return [{ fault: 'resize', at: prng.between(1, 6), size: Math.max(0, offset - 5000 + prng.below(bytes + 10_000)) }];
}
