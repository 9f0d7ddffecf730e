// A file on an NFS server as destination of a copy: its publication, its space, and copies that the server makes.
import { DioriteError } from '../../base/errors.js';
import { toFile } from '../../handle/remote-file.js';
import { NfsTarget } from '../../targets/nfs/nfs-target.js';
import type { NfsPublishing } from '../../targets/nfs/publish.js';
import { copyWithin } from '../../targets/nfs/server-copy.js';
import { errnoOf } from '../../targets/nfs/status.js';
import type { DataRange } from '../../transfer/target.js';
import type { Shortcut, ShortcutOptions } from '../destination.js';
import type { Permissions } from '../mode.js';
import type { CopySettings } from '../options.js';
import { Published } from '../published.js';
import type { Source } from '../source.js';

/** `replace`: something is there under that name. Nobody else may read the file until it is published. */
export async function beginNfsFile(
  publishing: NfsPublishing,
  path: string,
  replace: boolean,
  permissions: Permissions,
  source: Source,
  settings: CopySettings,
): Promise<Published> {
  const { mode, owner } = permissions;
  const publication = await publishing.begin(path, { mode, owner: owner ?? undefined, replace });
  const { target } = publication;
  return new Published({
    path,
    publication,
    file: toFile(target, {}),
    // The memory of a piece is wanted for the next one: the source still has what a restarted server loses, unless it
    // is a stream: then memory is held until the server has the bytes for good.
    writing: { ...(source.once ? {} : { stable: false }), signal: settings.signal },
    notWritten: ({ offset, length }) => target.noteNotWritten(offset, length),
    reserve: (bytes, ranges) => mustFit(target, path, bytes, ranges),
    takeFrom: (source, options) => takeFrom(source, target, settings, options),
  });
}

/** Nothing is reserved: to ask for space range by range takes a call each, and a server fills up by others, too. */
async function mustFit(
  { remote }: NfsTarget,
  path: string,
  bytes: number,
  ranges: () => AsyncIterable<DataRange>,
): Promise<void> {
  if (bytes === 0) return;
  const { bytesAvailable } = await remote.protocol.space(remote.file.handle);
  if (BigInt(bytes) <= bytesAvailable) return;
  let dataBytes = 0;
  for await (const { length } of ranges()) dataBytes += length;
  // File systems that do not count their space say 0.
  if (BigInt(dataBytes) <= bytesAvailable || bytesAvailable === 0n) return;
  const free = `${bytesAvailable} bytes are free there, ${dataBytes} are to be written`;
  throw new DioriteError(`ENOSPC: ${remote.protocol.server}: it does not fit beside ${path}: ${free}`, {
    code: 'ENOSPC',
    errno: errnoOf('ENOSPC'),
    syscall: 'copy',
    path,
  });
}

async function takeFrom(
  source: Source,
  target: NfsTarget,
  { reflink }: CopySettings,
  options: ShortcutOptions,
): Promise<Shortcut> {
  if (!(source.target instanceof NfsTarget)) return { io: null, reason: 'the source is on no NFS server' };
  if (source.size === undefined) return { io: null, reason: 'the source does not know its size' };
  return copyWithin(source.target, target, { ...options, clone: reflink === 'auto', bytes: source.size });
}
