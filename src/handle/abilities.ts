// What a target may lack: it is asked for here, or refused by name.
import { type DioriteError, errors } from '../base/errors.js';
import type { AtomicTarget, FileLike, FileSpace } from '../transfer/file-like.js';

export function unsupported({ name }: FileLike, what: string): DioriteError {
  return errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: ${what}`, { path: name });
}

export function mustKnowHoles(target: FileLike, what: string): FileSpace {
  if (target.holes !== undefined) return target.holes;
  throw unsupported(target, `${what}: holes of files need the native addon, or a server that tells of them`);
}

/** The target of one atomic write; throws where nobody promises it, or not for this range. */
export function atomicTarget(target: FileLike, position: number, bytes: number): AtomicTarget {
  if (target.atomicWrite !== undefined) return target.atomicWrite(position, bytes);
  throw unsupported(target, 'an atomic write cannot be had');
}
