// What a case is, how its contenders take turns, and how its bars are judged.
import { type Better, median, ratios, type Summary, summary } from './statistics.js';

/** One measurement: the figure, and what else was seen with it. */
export interface Sample {
  readonly value: number;
  readonly extras?: Readonly<Record<string, number>>;
}

export interface Contender {
  readonly name: string;
  readonly measure: () => Promise<Sample>;
  /** It takes part in every n-th round only: for what takes far longer than the others. Default 1. */
  readonly every?: number;
}

export interface Series {
  readonly name: string;
  readonly values: number[];
  readonly extras: Map<string, number[]>;
}

export interface Row extends Summary {
  readonly name: string;
  /** How many times better we are than this peer: median, min and max over the runs. Null for our own row. */
  readonly ratio: Summary | null;
  /** Medians. */
  readonly extras: Readonly<Record<string, number>>;
  readonly values: readonly number[];
}

export interface Verdict {
  readonly bar: string;
  readonly measured: string;
  /** Null: it could not be judged. */
  readonly passed: boolean | null;
  /** What is behind `measured`, where it is a number: charts draw it. */
  readonly figure?: Figure;
}

export interface Figure extends Summary {
  readonly unit: string;
  readonly limit: number;
  /** Whether the figure must reach the limit or must not pass it. */
  readonly limitIs: 'least' | 'most';
}

/** A chart of lines over something that grows by factors: depth, the size of a request, the size of a transfer. */
export interface Plot {
  /** Of its file, unique among all plots: `over-depth`. */
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly xUnit: 'count' | 'bytes';
  readonly yLabel: string;
  /** From 0 on, unless said otherwise; `log` for what spans powers of ten. */
  readonly yScale?: 'log';
  /** The first is ours unless `CaseResult.ours` says otherwise. */
  readonly curves: readonly Curve[];
}

export interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Of the runs at one place: the error mark goes from min to max. */
export interface Point extends Summary {
  readonly x: number;
}

export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: Better;
  readonly runs: number;
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly notes: readonly string[];
  /** Rows and curves that are of this library. Left out: the first, and those whose names begin with "diorite". */
  readonly ours?: readonly string[];
  readonly plots?: readonly Plot[];
  /** What the data lay on, where that is not the disk of the run: "zram with XFS". */
  readonly medium?: string;
  /** Memory that the case itself holds as data: it is no part of what the library is charged with. */
  readonly heldMib?: number;
  /** The peak of the case's process before any peer ran in it: where a peer needs more memory than we do. */
  readonly ownPeakMib?: number;
}

export interface Context {
  /** A directory of this run's own, on the disk that is measured. */
  readonly directory: string;
  /** 0: as many as the case wants. */
  readonly runs: number;
  /** Less data and fewer runs: to see that it works, not to judge. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

export interface Case {
  readonly name: string;
  readonly run: (context: Context) => Promise<CaseResult>;
}

/** A bar of 1.0 × holds from here: medians of equals differ by as much on a disk that is not ours alone. */
export const EQUAL_RATIO = 0.97;

/**
 * Rounds in which each contender is measured once. Each round begins with the next contender, so that none always comes
 * after the same one:
 *
 *      round 0   a b c      round 1   b c a      round 2   c a b
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  told: (round: number, contender: Contender, sample: Sample) => void = () => {},
): Promise<Series[]> {
  const all = contenders.map((contender) => ({ contender, series: newSeries(contender.name) }));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      const entry = all[(round + turn) % all.length];
      if (entry === undefined || round % (entry.contender.every ?? 1) !== 0) continue;
      const sample = await entry.contender.measure();
      addSample(entry.series, sample);
      told(round, entry.contender, sample);
    }
  }
  return all.map(({ series }) => series);
}

export function newSeries(name: string): Series {
  return { name, values: [], extras: new Map() };
}

export function addSample(series: Series, sample: Sample): void {
  series.values.push(sample.value);
  for (const [name, value] of Object.entries(sample.extras ?? {})) {
    const values = series.extras.get(name) ?? [];
    values.push(value);
    series.extras.set(name, values);
  }
}

/** The first series is ours, the others are its peers. */
export function rowsOf(all: readonly Series[], better: Better): Row[] {
  const ours = all[0]?.values ?? [];
  return all.map((series, i) => ({
    name: series.name,
    ...summary(series.values),
    ratio: i === 0 ? null : summary(ratios(ours, series.values, better)),
    extras: Object.fromEntries([...series.extras].map(([name, values]) => [name, median(values)])),
    values: series.values,
  }));
}

export interface AtLeast {
  readonly bar: string;
  readonly ratios: readonly number[];
  readonly least: number;
  /** What the median must reach; EQUAL_RATIO for bars of 1.0 ×. */
  readonly holdsFrom?: number;
}

export function judgeRatio({ bar, ratios: given, least, holdsFrom = least }: AtLeast): Verdict {
  const { median: middle, min, max } = summary(given);
  const runs = `${given.length} runs, ${min.toFixed(2)} to ${max.toFixed(2)}`;
  const from = holdsFrom === least ? '' : `; holds from ${holdsFrom}`;
  const measured = `${middle.toFixed(2)} × (${runs}${from})`;
  const figure: Figure = { median: middle, min, max, unit: '×', limit: least, limitIs: 'least' };
  return { bar, measured, passed: middle >= holdsFrom, figure };
}

export function judgeAtMost(bar: string, value: number, most: number, unit: string): Verdict {
  if (Number.isNaN(value)) return { bar, measured: 'could not be measured here', passed: null };
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
  const figure: Figure = { median: value, min: value, max: value, unit, limit: most, limitIs: 'most' };
  return { bar, measured: `${shown} ${unit}`, passed: value <= most, figure };
}

/** Whether a row or a curve is this library's. */
export function isOurs({ ours }: CaseResult, name: string, index: number): boolean {
  return ours === undefined ? index === 0 || name.startsWith('diorite') : ours.includes(name);
}

/** A case that cannot be run here: it stands in the report with the reason. */
export function skippedResult(name: string, title: string, problem: string): CaseResult {
  const verdicts = [{ bar: title, measured: `skipped: ${problem}`, passed: null }];
  return { name, title, unit: '', better: 'higher', runs: 0, rows: [], verdicts, notes: [] };
}
