// Medians and ratios of series: what a figure is made of.
import { assert } from '../src/base/assert.js';

/** What is better: a rate that is higher, or a time that is lower. */
export type Better = 'higher' | 'lower';

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median is of at least one value');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function summary(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** How many times better `ours` is than `peer`, run by run: what disturbs one run disturbs both sides of its ratio. */
export function ratios(ours: readonly number[], peer: readonly number[], better: Better): number[] {
  assert(ours.length === peer.length, 'ratios are of runs that were made together');
  return ours.map((value, i) => {
    const beside = peer[i] ?? Number.NaN;
    return better === 'higher' ? value / beside : beside / value;
  });
}

/** Run by run, the better of several. */
export function best(series: readonly (readonly number[])[], better: Better): number[] {
  const pick = better === 'higher' ? Math.max : Math.min;
  const [first] = series;
  assert(first !== undefined, 'the best is of at least one series');
  return first.map((_, i) => pick(...series.map((values) => values[i] ?? Number.NaN)));
}
