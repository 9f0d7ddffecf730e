// A File over a target that is on a server, and what cannot be asked for there.
import { errors } from '../base/errors.js';
import type { FileLike } from '../transfer/file-like.js';
import { File } from './file.js';
import type { OpenOptions } from './open-options.js';

/** The ring is of files: what would go through it here is refused rather than carried by something else. */
export function mustNotAskForRing(name: string, { engine }: OpenOptions): void {
  if (engine !== 'uring') return;
  const message = `${name}: engine: 'uring' cannot be had: the requests go through a socket`;
  throw errors.make('ERR_DIORITE_UNSUPPORTED', message, { path: name });
}

export function toFile(target: FileLike, { depth, bytesInFlight }: OpenOptions): File {
  return new File({ target, engineReason: null, depth, bytesInFlight, appends: false });
}
