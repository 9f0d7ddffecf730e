// Writes REPORT.md and its charts from results; charts of what is no longer measured go.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GROUPS } from '../cases/index.js';
import type { Recorded } from '../store.js';
import { reportText } from './markdown.js';
import { memoryResult } from './memory.js';
import { barChart } from './svg/bars.js';
import type { Picture } from './svg/frame.js';
import { lineChart } from './svg/lines.js';
import { overviewChart, type Section } from './svg/overview.js';

const OVERVIEW = 'overview.svg';

/** Results in the order of the groups; what no group knows any more comes last. */
export function sectionsOf(results: readonly Recorded[]): Section[] {
  const known = GROUPS.map(({ title, cases }) => ({
    title,
    results: cases.flatMap(({ name }) => results.filter((result) => result.name === name)),
  }));
  const placed = new Set(known.flatMap((section) => section.results));
  const rest = { title: 'More', results: results.filter((result) => !placed.has(result)) };
  const memory = memoryResult(results);
  const last = { title: 'Memory', results: memory === undefined ? [] : [memory] };
  return [...known, rest, last].filter((section) => section.results.length > 0);
}

export interface Drawn {
  /** By file name. */
  readonly pictures: ReadonlyMap<string, Picture>;
  /** File names by case; of the overview under the empty name. */
  readonly charts: ReadonlyMap<string, readonly string[]>;
}

export function drawAll(sections: readonly Section[]): Drawn {
  const pictures = new Map<string, Picture>();
  const charts = new Map<string, readonly string[]>();
  const add = (owner: string, name: string, picture: Picture | undefined): void => {
    if (picture === undefined) return;
    pictures.set(name, picture);
    charts.set(owner, [...(charts.get(owner) ?? []), name]);
  };
  add('', OVERVIEW, overviewChart(sections));
  for (const result of sections.flatMap((section) => section.results)) {
    for (const plot of result.plots ?? []) add(result.name, `curve-${plot.name}.svg`, lineChart(plot, result));
    add(result.name, `${result.name}.svg`, barChart(result));
  }
  return { pictures, charts };
}

export function writeReport(folder: string, results: readonly Recorded[]): void {
  const sections = sectionsOf(results);
  const { pictures, charts } = drawAll(sections);
  const place = join(folder, 'charts');
  mkdirSync(place, { recursive: true });
  for (const name of readdirSync(place)) if (name.endsWith('.svg') && !pictures.has(name)) rmSync(join(place, name));
  for (const [name, { svg }] of pictures) writeFileSync(join(place, name), svg);
  const measured = new Set(results.map(({ name }) => name));
  const missing = GROUPS.flatMap(({ cases }) => cases.map(({ name }) => name)).filter((name) => !measured.has(name));
  writeFileSync(join(folder, 'REPORT.md'), reportText(sections, charts, missing));
}
