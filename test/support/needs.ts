// What a test needs of the machine; what is missing skips it, and the reason is shown in the run's summary.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The part of a TestContext that skipping takes. */
export interface Skippable {
  skip(reason?: string): void;
}

export function hasCommand(name: string): boolean {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** False, and the test is skipped, when a command is missing. */
export function needs(t: Skippable, ...commands: readonly string[]): boolean {
  const missing = commands.filter((command) => !hasCommand(command));
  if (missing.length === 0) return true;
  t.skip(`not installed: ${missing.join(', ')}`);
  return false;
}

/** Why this process may not mount and attach devices, or null. */
export function rootProblem(): string | null {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'needs root';
  const namespace = process.env.DIORITE_TEST_NAMESPACE;
  if (namespace === undefined) return 'needs the mount namespace that `npm test` runs tests in';
  return namespace === 'yes' ? null : namespace;
}

/** False, and the test is skipped, without root and a mount namespace of our own. */
export function requireRoot(t: Skippable): boolean {
  const problem = rootProblem();
  if (problem === null) return true;
  t.skip(problem);
  return false;
}

let addonLoads: boolean | null = null;

/** Whether the addon can be had here, by asking a fresh process: this one may have been told to do without. */
export function hasAddon(): boolean {
  if (addonLoads === null) {
    const url = new URL('../../src/memory/addon.js', import.meta.url).href;
    const script = `import(${JSON.stringify(url)}).then((m) => process.exit(m.loadAddon() === null ? 1 : 0))`;
    const env = { ...process.env };
    delete env.DIORITE_ADDON;
    addonLoads = spawnSync(process.execPath, ['-e', script], { env }).status === 0;
  }
  return addonLoads;
}

export function requireAddon(t: Skippable): boolean {
  if (hasAddon()) return true;
  t.skip('needs the addon (build it with a C compiler: npm run build:native)');
  return false;
}
