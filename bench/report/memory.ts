// Peak memory as a case of its own: drawn from what every other case has told.
import { judgeAtMost, type Row } from '../harness.js';
import type { Recorded } from '../store.js';

const MOST_MB = 200;
const MIB = 1024 * 1024;
/** What cases call the peak of a process that they started. */
const PEAK = 'peak MiB';
/** Peers have peaks, too, which are theirs. */
const OURS = /^diorite/;

function rowOf(name: string, mib: number): Row {
  const megabytes = (mib * MIB) / 1e6;
  return { name, median: megabytes, min: megabytes, max: megabytes, ratio: null, extras: {}, values: [megabytes] };
}

/** Of the process that ran the case without what it holds as data, and of ours that it started. */
function rowsOf(result: Recorded): Row[] {
  // A case whose figure is memory.
  if (result.unit === 'MiB') return result.rows.map(({ name, max }) => rowOf(`${result.name}: ${name}`, max));
  const children = result.rows.flatMap(({ name, extras }) => {
    const mib = extras[PEAK] ?? Number.NaN;
    return OURS.test(name) && Number.isFinite(mib) ? [rowOf(`${result.name}: ${name}`, mib)] : [];
  });
  // Where processes of ours do the work, the one that watches them is nobody's.
  return children.length > 0 ? children : [rowOf(result.name, result.peakMib - (result.heldMib ?? 0))];
}

/** Undefined where nothing was measured. */
export function memoryResult(results: readonly Recorded[]): Recorded | undefined {
  const measured = results.filter(({ runs }) => runs > 0);
  const rows = measured.flatMap(rowsOf).sort((a, b) => b.median - a.median);
  const [newest] = [...measured].sort((a, b) => b.at.localeCompare(a.at));
  const [most] = rows;
  if (newest === undefined || most === undefined) return undefined;
  const verdict = judgeAtMost(`peak RSS over all rows ≤ ${MOST_MB} MB`, most.median, MOST_MB, `MB, in ${most.name}`);
  const held = measured.filter(({ heldMib }) => heldMib !== undefined);
  const less = held.map(({ name, heldMib }) => `${name} ${heldMib?.toFixed(0)} MiB`).join(', ');
  return {
    name: 'peak-memory',
    title: 'Peak memory of the process that did the work, case by case',
    unit: 'MB',
    better: 'lower',
    runs: 1,
    rows,
    verdicts: [verdict],
    notes: [
      'resident at most, Node itself and the bench included; drawn from the other cases',
      ...(less === '' ? [] : [`without the memory that the case itself holds as data: ${less}`]),
    ],
    ours: rows.map(({ name }) => name),
    at: newest.at,
    quick: measured.some(({ quick }) => quick),
    addon: measured.find(({ addon }) => addon !== 'built')?.addon ?? 'built',
    commit: newest.commit,
    peakMib: 0,
    stolenPercent: null,
    machine: newest.machine,
  };
}
