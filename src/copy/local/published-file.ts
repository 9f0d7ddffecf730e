// A local file as destination of a copy: its publication, its space, and clones of other local files.
import type { Stats } from 'node:fs';
import { File } from '../../handle/file.js';
import { cloneFile } from '../../targets/file/clone.js';
import { FileTarget } from '../../targets/file/file-target.js';
import { FilePublishing } from '../../targets/file/publish.js';
import { reserve } from '../../targets/file/reserve.js';
import type { Shortcut } from '../destination.js';
import type { Permissions } from '../mode.js';
import type { CopySettings } from '../options.js';
import { Published } from '../published.js';
import type { Source } from '../source.js';

/** `existing` is what the name stands for now, or null. Nobody else may read the file until it is published. */
export async function beginFile(
  path: string,
  existing: Stats | null,
  permissions: Permissions,
  settings: CopySettings,
): Promise<Published> {
  const { io, engine, requestBytes } = settings;
  const publishing = new FilePublishing({ io, engine, requestBytes });
  const { mode, owner } = permissions;
  const publication = await publishing.begin(path, { mode, owner: owner ?? undefined, replace: existing !== null });
  const { opened } = publication;
  return new Published({
    path,
    publication,
    file: new File({ ...opened, depth: undefined, bytesInFlight: undefined }),
    reserve: (bytes, ranges) => reserve(opened.target, bytes, ranges(), path),
    takeFrom: (source) => clone(source, opened.target, settings),
  });
}

async function clone({ target }: Source, to: FileTarget, { reflink }: CopySettings): Promise<Shortcut> {
  if (reflink === 'never') return { io: null, reason: 'it was not asked' };
  if (!(target instanceof FileTarget)) return { io: null, reason: 'the source is no local file' };
  const reason = await cloneFile(target, to);
  return reason === null ? { io: 'clone' } : { io: null, reason };
}
