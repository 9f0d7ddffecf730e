// What the height of a chart stands for: from 0 on, or by powers of ten.
import type { Plot } from '../../harness.js';

const TICKS = 5;

/** 1, 2 or 5 times a power of ten, so that few of them reach `most`. */
export function tickStep(most: number): number {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

/** What the height stands for: its ticks, and where a value lies between the bottom (0) and the top (1). */
export interface Scale {
  readonly ticks: readonly number[];
  readonly part: (value: number) => number;
}

function linear(most: number): Scale {
  const step = tickStep(most);
  const top = Math.ceil(most / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  return { ticks, part: (value) => value / top };
}

/** As many as have room for their numbers. */
const TICKS_MOST = 12;

/** 1, 2 and 5 times powers of ten where there is room, or the powers, or every so-manieth of them. */
function logarithmic(least: number, most: number): Scale {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const powers = Array.from({ length: to - from + 2 }, (_, i) => 10 ** (from + i));
  const fine = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const bottom = fine.findLast((tick) => tick <= least * 1.001) ?? least;
  const top = fine.find((tick) => tick >= most * 0.999 && tick > bottom) ?? most;
  const within = (tick: number): boolean => tick >= bottom && tick <= top;
  const marked = fine.filter(within);
  const every = Math.ceil(powers.length / TICKS_MOST);
  const ticks = marked.length <= TICKS_MOST ? marked : powers.filter((tick, i) => within(tick) && i % every === 0);
  const height = Math.log10(top / bottom);
  return { ticks, part: (value) => Math.log10(Math.max(value, bottom) / bottom) / height };
}

export function scaleOf(plot: Plot): Scale {
  const points = plot.curves.flatMap((curve) => curve.points);
  const most = Math.max(...points.map(({ max, median }) => Math.max(max, median)), Number.MIN_VALUE);
  const positive = points.flatMap(({ min, median }) => [min, median]).filter((value) => value > 0);
  return plot.yScale === 'log' && positive.length > 0 ? logarithmic(Math.min(...positive), most) : linear(most);
}
