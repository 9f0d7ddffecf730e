// Whether the native addon is there and of this source: figures without it are figures of something else.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonProblem } from '../src/memory/addon.js';

export type AddonState = 'built' | 'stale' | 'missing';

export interface AddonReport {
  readonly state: AddonState;
  /** Empty when it is built. */
  readonly problem: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILT = 'build/Release/diorite.node';

/** The newest of what the addon is built from, in ms. */
function newestSourceMs(root: string): number {
  const names = readdirSync(join(root, 'native')).map((name) => join('native', name));
  return Math.max(...[...names, 'binding.gyp'].map((name) => statSync(join(root, name)).mtimeMs));
}

export function addonReport(root: string = ROOT, loadProblem: string | null = addonProblem()): AddonReport {
  if (loadProblem !== null) return { state: 'missing', problem: loadProblem };
  const built = statSync(join(root, BUILT), { throwIfNoEntry: false });
  // Shipped with the package: there is nothing beside it that could be newer.
  if (built === undefined || built.mtimeMs >= newestSourceMs(root)) return { state: 'built', problem: '' };
  return { state: 'stale', problem: `${BUILT} is older than native/: npm run build` };
}

/** Nothing where all is well; otherwise what nobody overlooks. */
export function addonBanner({ state, problem }: AddonReport): string {
  if (state === 'built') return '';
  const head = `THE NATIVE ADDON IS ${state.toUpperCase()}`;
  const meaning =
    'These are not the figures of the library as it is meant to run: no row of this run says anything of it.';
  const lines = [head, problem, meaning];
  const edge = '!'.repeat(Math.max(...lines.map((line) => line.length)) + 6);
  return [edge, ...lines.map((line) => `!! ${line}`), edge, ''].join('\n');
}
