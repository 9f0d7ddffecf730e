// Refuses a copy that would write over what it reads, or twice over one thing.
import { errors } from '../base/errors.js';
import type { Resolved } from './place.js';
import type { Source } from './source.js';

/** What lies in different stores is not held against each other: a server's file, and the mount that shows it here. */
export async function refuseOverlap(source: Source, resolved: Resolved): Promise<void> {
  const { place, path, stats } = resolved;
  if (stats === null || source.place.store !== place.store || !(await place.overlap(source, resolved))) return;
  throw errors.make(
    'ERR_DIORITE_SAME_FILE',
    `The source and the destination are the same file: ${source.path}, ${path}`,
    { path: source.path, dest: path },
  );
}

/** Two destinations that are one, by whatever names: neither would then be what it is said to be. */
export async function refuseTwins(destinations: readonly Resolved[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const each of destinations) {
    const identity = await each.place.identity(each);
    const twin = seen.get(identity);
    if (twin !== undefined) throw twins(twin, each.path);
    seen.set(identity, each.path);
  }
  for (const [i, one] of destinations.entries())
    for (const other of destinations.slice(i + 1))
      if ((one.kind === 'block' || other.kind === 'block') && one.place.store === other.place.store)
        if (await one.place.overlap(one, other)) throw twins(one.path, other.path);
}

function twins(one: string, other: string): Error {
  return errors.make('ERR_DIORITE_SAME_FILE', `Two destinations are the same file: ${one}, ${other}`, {
    path: one,
    dest: other,
  });
}
