// Temporary directories of a test run, the page cache's view of a file, and a process's own I/O counters.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let byHand: string | null = null;

/** START of the naming that scripts/test-sweep.mjs reads: field 22 of stat, counted from the command's last bracket. */
function ownStart(): string {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}

/** The run's directory: given by `npm test`; of this process alone, and removed at its exit, when run by hand. */
export function runDirectory(): string {
  const given = process.env.DIORITE_TEST_DIRECTORY;
  if (given !== undefined) return given;
  if (byHand === null) {
    const directory = join(tmpdir(), `diorite-test-${process.pid}-${ownStart()}`);
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    byHand = directory;
  }
  return byHand;
}

/** The name that everything of this run carries. */
export function runName(): string {
  return runDirectory().split('/').at(-1) ?? 'diorite-test-0-0';
}

/** Anything with node:test's `after`: a test or the hooks of a suite. */
export interface Cleanup {
  after(hook: () => void | Promise<void>): void;
}

/** What was set up last goes first: a test's own hooks run in the order in which they were set. */
export function lastFirst(t: Cleanup): Cleanup {
  const hooks: (() => void | Promise<void>)[] = [];
  t.after(async () => {
    for (const hook of hooks.reverse()) await hook();
  });
  return { after: (hook) => void hooks.push(hook) };
}

/** An empty directory with a short path that anybody may enter; it is removed after the test. */
export function tempDirectory(t: Cleanup): string {
  const directory = mkdtempSync(join(runDirectory(), 't-'));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const SHARED_MEMORY = '/dev/shm';

/** The same in memory where that can be had: a disk with much to write may stop a process for many seconds. */
export function memoryDirectory(t: Cleanup): string {
  if (!existsSync(SHARED_MEMORY)) return tempDirectory(t);
  const directory = mkdtempSync(join(SHARED_MEMORY, `${runName()}-`));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Pages of the file in the page cache, by fincore(1): not by the library's own word. */
export function cachedPages(path: string): number {
  const shown = execFileSync('fincore', ['--noheadings', '--bytes', '--output', 'PAGES', path], { encoding: 'utf8' });
  return Number(shown.trim());
}

/** Puts the file's pages on the disk and out of the cache. */
export function dropFromCache(path: string): void {
  execFileSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}

export interface IoCounters {
  /** Bytes fetched from and sent to the storage layer. Buffered writes count when pages become dirty. */
  readonly readBytes: number;
  readonly writeBytes: number;
}

export function ioCounters(): IoCounters {
  const shown = readFileSync('/proc/self/io', 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(shown)?.[1] ?? Number.NaN);
  return { readBytes: field('read_bytes'), writeBytes: field('write_bytes') };
}
