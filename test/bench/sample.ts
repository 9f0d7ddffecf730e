// Results that nobody measured, of every shape that the report must cope with.
import type { CaseResult, Plot, Row } from '../../bench/harness.js';
import type { Machine } from '../../bench/machine.js';
import type { Recorded } from '../../bench/store.js';
import type { Random } from '../support/random.js';

export const MACHINE: Machine = {
  cpu: 'A processor <of & nobody>',
  cores: 2,
  memoryGib: 24,
  kernel: 'Linux 6.18 x64',
  fileSystem: 'ext4',
  device: 'vda (blocks of 512)',
  node: 'v20.20.2',
  virtual: true,
  peers: { fio: '3.33' },
};

export function recorded(result: Partial<Recorded> & Pick<Recorded, 'name'>): Recorded {
  return {
    title: `Case ${result.name}`,
    unit: 'MiB/s',
    better: 'higher',
    runs: 7,
    rows: [row('diorite', 2, 1, 3)],
    verdicts: [],
    notes: [],
    at: '2026-01-02T03:04:05.678Z',
    quick: false,
    addon: 'built',
    commit: 'abc1234',
    peakMib: 80,
    stolenPercent: 0,
    machine: MACHINE,
    ...result,
  };
}

export function row(name: string, median: number, min: number, max: number): Row {
  const ratio = name.startsWith('diorite') ? null : { median: 1.5, min: 1.2, max: 1.8 };
  return { name, median, min, max, ratio, extras: { 'CPU s': median / 3 }, values: [min, median, max] };
}

const WORDS = [
  'diorite',
  'FileHandle.read,',
  '128',
  'at a time',
  '"quoted"',
  '<tag>',
  '&',
  'é…×≥',
  'Wide MMMM WWWW',
  '',
];

function words(random: Random, most: number): string {
  return Array.from({ length: 1 + random.below(most) }, () => WORDS[random.below(WORDS.length)]).join(' ');
}

function magnitude(random: Random): number {
  return 10 ** (random.below(10) - 3) * (1 + random.below(99));
}

function randomRow(random: Random): Row {
  const median = magnitude(random);
  return row(words(random, 7), median, median * 0.8, median * (1 + random.below(3)));
}

function randomPlot(random: Random, name: string): Plot {
  const places = 2 + random.below(13);
  const scale = magnitude(random);
  return {
    name,
    title: words(random, 14),
    xLabel: words(random, 5),
    xUnit: random.below(2) === 0 ? 'bytes' : 'count',
    yLabel: words(random, 12),
    ...(random.below(2) === 0 ? { yScale: 'log' as const } : {}),
    curves: Array.from({ length: 1 + random.below(6) }, () => ({
      name: words(random, 8),
      points: Array.from({ length: places }, (_, i) => {
        const median = scale * random.below(100);
        return { x: 2 ** i, median, min: median * 0.9, max: median * 1.3 };
      }),
    })),
  };
}

/** Names too long, figures apart by powers of ten, everything that must be escaped. */
export function randomResult(random: Random, name: string): Recorded {
  const verdicts: CaseResult['verdicts'] = Array.from({ length: random.below(6) }, () => {
    const median = magnitude(random);
    const figure = {
      median,
      min: median / 2,
      max: median * 2,
      unit: '×',
      limit: magnitude(random),
      limitIs: 'least',
    } as const;
    return {
      bar: words(random, 20),
      measured: words(random, 20),
      passed: [true, false, null][random.below(3)] ?? null,
      figure,
    };
  });
  return recorded({
    name,
    title: words(random, 20),
    unit: words(random, 2),
    rows: Array.from({ length: random.below(8) }, () => randomRow(random)),
    verdicts,
    plots: Array.from({ length: random.below(3) }, (_, i) => randomPlot(random, `${name}-${i}`)),
  });
}
