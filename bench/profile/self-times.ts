// From the profiler's samples to a table: how much of the working time each function took itself.
import type { Profiler } from 'node:inspector';

export interface SelfTime {
  readonly name: string;
  /** Within the library; node: for Node's own; empty for the engine. */
  readonly file: string;
  /** Of the time that was not idle. */
  readonly percent: number;
}

/** What V8 calls time outside of any function. */
const OUTSIDE: Readonly<Record<string, string>> = {
  '(program)': 'outside of JavaScript: libuv, the kernel',
  '(garbage collector)': 'garbage collection',
};
/** All functions of an addon begin at one address for V8, which gives them the name of one of them. */
const NATIVE = 'native calls of the addon and of Node, io_uring_enter among them';
const IDLE = '(idle)';

/** `file:///…/dist/src/plan/planner.js` is `src/plan/planner.ts`. */
function fileOf(url: string): string {
  const inside = /\/dist\/((?:src|bench)\/.*)\.js$/.exec(url)?.[1];
  return inside === undefined ? url.replace(/^file:.*\//, '') : `${inside}.ts`;
}

function nameOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  const outside = OUTSIDE[functionName];
  if (outside !== undefined) return outside;
  if (url === '') return NATIVE;
  return functionName === '' ? '(a function without a name)' : functionName;
}

/** Time between samples goes to the function that the later of the two was in. */
export function selfTimes(profile: Profiler.Profile): { readonly times: SelfTime[]; readonly idlePercent: number } {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, { name: string; file: string; microseconds: number }>();
  let idle = 0;
  let all = 0;
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const microseconds = Math.max(0, profile.timeDeltas?.[i] ?? 0);
    const frame = frames.get(id);
    if (frame === undefined) continue;
    all += microseconds;
    if (frame.functionName === IDLE) {
      idle += microseconds;
      continue;
    }
    const name = nameOf(frame);
    const file = fileOf(frame.url);
    const key = `${name} ${file}`;
    const entry = spent.get(key) ?? { name, file, microseconds: 0 };
    entry.microseconds += microseconds;
    spent.set(key, entry);
  }
  const busy = Math.max(1, all - idle);
  const times = [...spent.values()]
    .sort((a, b) => b.microseconds - a.microseconds)
    .map(({ name, file, microseconds }) => ({ name, file, percent: (100 * microseconds) / busy }));
  return { times, idlePercent: (100 * idle) / Math.max(1, all) };
}
