// Files and devices of this machine as sources and destinations of copies, by path.
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { File } from '../../handle/file.js';
import { openPath } from '../../handle/open-path.js';
import type { Destination } from '../destination.js';
import { permissionsFor } from '../mode.js';
import type { CopySettings } from '../options.js';
import type { OpenSettings, Place, Resolved, There } from '../place.js';
import type { ProbeResult } from '../probe.js';
import type { Readable, Source } from '../source.js';
import { BlockDevice, SequentialDevice } from './in-place.js';
import { fileKey, keyOf, overlap } from './overlap.js';
import { beginFile } from './published-file.js';
import { ifExists, resolveDestination } from './resolve.js';

/**
 * File systems whose files are made up when they are read: their sizes say nothing. sysfs, proc, cgroup2, debugfs,
 * tracefs, securityfs, configfs: linux/magic.h.
 */
const MADE_UP: ReadonlySet<number> = new Set([
  0x62656572, 0x9fa0, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0x62656570,
]);

export class LocalPlace implements Place {
  readonly store = 'local';
  readonly takesStreams = false;

  baseName(path: string): string {
    return basename(path);
  }

  stat(path: string): Promise<Stats> {
    return stat(path);
  }

  open(path: string, { io, engine, requestBytes }: OpenSettings): Promise<File> {
    return openPath(path, constants.O_RDONLY, { io, engine, requestBytes });
  }

  async sizeOf(path: string, file: Readable, stats: Stats): Promise<number | undefined> {
    if (stats.isBlockDevice()) return file.target.size;
    if (stats.size > 0 && stats.size !== 4096) return stats.size;
    return MADE_UP.has((await statfs(path)).type) ? undefined : stats.size;
  }

  async resolve(path: string, baseName: string): Promise<Resolved> {
    return { place: this, ...(await resolveDestination(path, baseName)) };
  }

  async begin(resolved: Resolved, source: Source, settings: CopySettings): Promise<Destination> {
    const { kind, path, stats } = resolved;
    if (kind === 'sequential') return SequentialDevice.open(path, stats, settings.signal);
    if (kind === 'block') return BlockDevice.open(path, stats, settings);
    return beginFile(path, stats, await permissionsFor(source, stats, process.geteuid?.() === 0), settings);
  }

  async identity({ path, stats }: There): Promise<string> {
    if (stats !== null) return keyOf(stats);
    // A name that is not there yet: its directory, however that is called, and the name in it.
    const directory = await ifExists(stat(dirname(path)));
    return directory === null ? `path ${path}` : `name ${fileKey(directory)} ${basename(path)}`;
  }

  async overlap(one: There, other: There): Promise<boolean> {
    return one.stats !== null && other.stats !== null && overlap(one.stats, other.stats);
  }

  async probe(path: string): Promise<ProbeResult> {
    return (await import('./probe.js')).probePath(path);
  }

  async close(): Promise<void> {}
}
