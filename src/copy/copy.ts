// copy(): one file to other names, to devices or to pipes; what is there in the end is all of it, or what was there.
import { errors } from '../base/errors.js';
import { Checks } from './checks.js';
import { Job, type Named } from './job.js';
import type { CopyAllResult, CopyOptions, CopyResult, CopySettings, Path } from './options.js';
import { DESTINATIONS_MAX, toSettings } from './options.js';
import { refuseTwins } from './overlap.js';
import { type Location, Places, type PlaceTable, toLocation } from './places.js';
import { Progress } from './progress.js';
import { type Cost, resultOfAll, resultOfOne, withLedger } from './results.js';
import { Source } from './source.js';

/** Places where a test does what a disk or another process may do. */
export interface CopyHooks {
  /** The destination is written and synced, and will be read back from this path. */
  readonly settled?: (path: string | null) => void | Promise<void>;
  /** Places of its own. */
  readonly places?: PlaceTable;
}

/**
 * Copies `source`, a regular file or a block device, to one destination, or to each of several.
 *
 * - A regular destination is written under a temporary name beside it and appears, complete and synced, under its own:
 *   until then an old file keeps its bytes, and whatever goes wrong leaves everything as it was.
 * - An existing file is refused (ERR_DIORITE_EXISTS) unless `force`; an existing directory means the source's name inside
 *   it; a link is followed to the file it names. A replaced file keeps its permission bits and its owner; other hard
 *   links to it keep the old bytes.
 * - Block devices (with `force`), character devices and FIFOs are written in place and are never replaced.
 * - Several destinations: the source is read once, and each is written by its own alignment and depth and published by
 *   itself, as soon as its own last byte is durable. One that is slower holds the others back once it is behind by the
 *   pieces that are kept in memory (twice `depth`); a FIFO that nobody reads yet holds back their start. One that fails is out, and the others go on; it then rejects with a
 *   CopyError whose `result` says what became of each. Two that are one are refused before anything is made.
 */
export function copy(source: Path, destination: Path, options?: CopyOptions): Promise<CopyResult>;
export function copy(source: Path, destinations: readonly Path[], options?: CopyOptions): Promise<CopyAllResult>;
export function copy(
  source: Path,
  to: Path | readonly Path[],
  options: CopyOptions = {},
): Promise<CopyResult | CopyAllResult> {
  return isList(to) ? copyAllWith(source, to, options, {}) : copyWith(source, to, options, {});
}

/** Array.isArray does not tell a readonly array from the rest. */
function isList(to: Path | readonly Path[]): to is readonly Path[] {
  return Array.isArray(to);
}

/** copy() to one destination with places for tests to step in. */
export async function copyWith(
  source: Path,
  destination: Path,
  options: CopyOptions,
  hooks: CopyHooks,
): Promise<CopyResult> {
  const from = toLocation(source, 'source');
  const to = toLocation(destination, 'destination');
  const names = async (places: Places, baseName: string): Promise<Named[]> => {
    const { place, name } = await places.locate(to);
    return [{ path: name, resolved: await place.resolve(name, baseName) }];
  };
  return carryOut(from, toSettings(options), hooks, names, ({ job, opened, cost }) => {
    const [branch] = job.branches;
    if (branch === undefined) throw errors.make('ERR_DIORITE_ASSERTION', 'one destination has one branch');
    if (branch.failure !== null) throw withLedger(branch.failure.error, branch, false);
    return resultOfOne(job, branch, opened, cost);
  });
}

/** copy() to several destinations with places for tests to step in. */
export async function copyAllWith(
  source: Path,
  destinations: readonly Path[],
  options: CopyOptions,
  hooks: CopyHooks,
): Promise<CopyAllResult> {
  const from = toLocation(source, 'source');
  const to = toLocations(destinations);
  const names = async (places: Places, baseName: string): Promise<Named[]> => {
    const named = await Promise.all(to.map((location) => nameOf(places, location, baseName)));
    await refuseTwins(named.flatMap((each) => ('resolved' in each ? [each.resolved] : [])));
    return named;
  };
  return carryOut(from, toSettings(options), hooks, names, ({ job, opened, cost }) => resultOfAll(job, opened, cost));
}

function toLocations(destinations: readonly unknown[]): Location[] {
  if (destinations.length === 0 || destinations.length > DESTINATIONS_MAX) {
    const expected = `a path, or 1 to ${DESTINATIONS_MAX} of them`;
    throw errors.invalidValue('destinations', expected, `${destinations.length} paths`);
  }
  return destinations.map((each, i) => toLocation(each, `destinations[${i}]`));
}

/** What is wrong with one name is one destination's failure. */
async function nameOf(places: Places, location: Location, baseName: string): Promise<Named> {
  const { name: path } = location;
  try {
    const resolved = await (await places.locate(location)).place.resolve(path, baseName);
    return { path: resolved.path, resolved };
  } catch (error) {
    return { path, error };
  }
}

interface Ran {
  readonly job: Job;
  readonly opened: Source;
  readonly cost: Cost;
}

async function carryOut<R>(
  from: Location,
  settings: CopySettings,
  hooks: CopyHooks,
  names: (places: Places, baseName: string) => Promise<readonly Named[]>,
  resultOf: (ran: Ran) => R,
): Promise<R> {
  if (settings.signal?.aborted === true) throw errors.aborted(settings.signal.reason);
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const places = new Places(hooks.places, settings.signal);
  try {
    const opened = await Source.open(await places.locate(from), settings);
    try {
      const progress = new Progress(settings.onProgress, opened.expectedSize);
      const checks = settings.verify ? new Checks(settings.requestBytes) : null;
      const named = await names(places, opened.place.baseName(from.name));
      const job = new Job(named, { source: opened, settings, checks, progress, settled: hooks.settled });
      await job.run();
      if (progress.failure !== null) throw progress.failure.error;
      await opened.leave(job.bytes);
      const { user, system } = process.cpuUsage(startedCpu);
      const durationMs = performance.now() - startedMs;
      return resultOf({ job, opened, cost: { startedMs, durationMs, cpuMs: (user + system) / 1000 } });
    } finally {
      await opened.close();
    }
  } finally {
    await places.close();
  }
}
