// The figures that are kept: bench/results.json. Newer ones take the place of older ones, case by case.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AddonState } from './addon-state.js';
import type { CaseResult } from './harness.js';
import type { Machine } from './machine.js';

/** A case's result, and all that one must know to believe it. */
export interface Recorded extends CaseResult {
  /** ISO 8601, UTC, when it ended. */
  readonly at: string;
  readonly quick: boolean;
  readonly addon: AddonState;
  /** Of the sources; with a `+` where they had been changed since. Null: not a clone. */
  readonly commit: string | null;
  /** The most resident memory of the process that ran the case. */
  readonly peakMib: number;
  /** Processor time that the hypervisor gave to others meanwhile, percent; null where that is not told. */
  readonly stolenPercent: number | null;
  readonly machine: Machine;
}

interface Store {
  readonly format: typeof FORMAT;
  readonly results: readonly Recorded[];
}

const FORMAT = 1;
/** What is written of each number: more digits than any measurement has. */
const DIGITS = 6;

/** An array of plain numbers stands on one line, not on one for each. */
const NUMBERS = /\[\s+((?:-?[\d.e+-]+|null)(?:,\s+(?:-?[\d.e+-]+|null))*)\s+\]/g;

export function storeText(results: readonly Recorded[]): string {
  const store: Store = { format: FORMAT, results };
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  const text = JSON.stringify(store, rounded, 1);
  return `${text.replace(NUMBERS, (_, inside: string) => `[${inside.replace(/\s+/g, ' ')}]`)}\n`;
}

export function parseStore(text: string, name: string): Recorded[] {
  const store = JSON.parse(text) as Partial<Store>; // the next line looks whether it is one
  if (store.format !== FORMAT || !Array.isArray(store.results))
    throw new RangeError(`${name}: not results of this bench`);
  return store.results;
}

/** Nothing where there is no such file. */
export function readStore(path: string): Recorded[] {
  return existsSync(path) ? parseStore(readFileSync(path, 'utf8'), path) : [];
}

/** Whoever reads it meanwhile sees the old ones or the new ones. */
export function writeStore(path: string, results: readonly Recorded[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  writeFileSync(temporary, storeText(results));
  renameSync(temporary, path);
}

function wasMeasured({ runs, rows, plots = [] }: Recorded): boolean {
  return runs > 0 || rows.length > 0 || plots.length > 0;
}

/** What the report goes by: a measurement before none, a full one before a quick one, then the newer. */
function wins(challenger: Recorded, holder: Recorded): boolean {
  if (wasMeasured(challenger) !== wasMeasured(holder)) return wasMeasured(challenger);
  if (challenger.quick !== holder.quick) return holder.quick;
  return challenger.at >= holder.at;
}

/** One result for each case, in the order in which the cases were first seen. */
export function mergeResults(...runs: readonly (readonly Recorded[])[]): Recorded[] {
  const merged = new Map<string, Recorded>();
  for (const result of runs.flat()) {
    const holder = merged.get(result.name);
    if (holder === undefined || wins(result, holder)) merged.set(result.name, result);
  }
  return [...merged.values()];
}
