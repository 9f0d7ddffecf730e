// A file made of another one of the same server without its bytes passing through here: CLONE and COPY, RFC 7862 §15.
import { DioriteError, errors } from '../../base/errors.js';
import type { NfsTarget } from './nfs-target.js';
import { UNSTABLE } from './protocol.js';

export interface ServerCopyOptions {
  /** Share the blocks, where the server can. */
  readonly clone: boolean;
  /** How much of the source there is; its holes are left out where the server tells of them. */
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (doneBytes: number) => void;
}

/** How it came to be, or why it has to be done by moving the bytes. */
export type ServerCopied = { readonly io: 'clone' | 'server-copy' } | { readonly io: null; readonly reason: string };

/** What is asked for at once: a copy that is answered when it is done has to be done within the timeout of a call. */
const COPY_BYTES = 16 * 1024 * 1024;

/** The destination cannot hold it, or nobody answers: to move the bytes would meet the same. */
const FINAL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'ETIMEDOUT', 'ABORT_ERR']);

/** `target` is empty. What was copied is durable after its `sync`, which tells of what the server lost before. */
export async function copyWithin(
  source: NfsTarget,
  target: NfsTarget,
  options: ServerCopyOptions,
): Promise<ServerCopied> {
  const { protocol } = target.remote;
  if (source.remote.protocol !== protocol)
    return { io: null, reason: 'the source is reached by another connection: another server, export, user or option' };
  const reasons: string[] = [];
  for (const way of options.clone ? ([clone, copy] as const) : ([copy] as const)) {
    try {
      await way(source, target, options);
      const io = way === clone ? 'clone' : 'server-copy';
      target.noteServerCopy(io, options.bytes);
      return { io };
    } catch (error) {
      if (!(error instanceof DioriteError) || FINAL.has(error.code)) throw error;
      reasons.push(error.message);
    }
  }
  return { io: null, reason: reasons.join('; ') };
}

/** Nothing says that a clone is durable when it is answered: it counts as written in the server's life before it. */
async function clone(source: NfsTarget, target: NfsTarget, { bytes, onProgress }: ServerCopyOptions): Promise<void> {
  const { protocol, file } = target.remote;
  if (bytes === 0) return;
  const verifier = await protocol.commit(file);
  await protocol.clone(source.remote.file, 0, file, 0, bytes);
  target.noteServerWrote(0, bytes, UNSTABLE, verifier);
  onProgress(bytes);
}

async function copy(source: NfsTarget, target: NfsTarget, options: ServerCopyOptions): Promise<void> {
  const { bytes } = options;
  const ranges = source.holes?.map(0, bytes) ?? [{ offset: 0, length: bytes }];
  for await (const { offset, length } of ranges) {
    const end = offset + length;
    for (let at = offset; at < end; ) at += await copySome(source, target, at, Math.min(COPY_BYTES, end - at), options);
  }
}

async function copySome(
  source: NfsTarget,
  target: NfsTarget,
  offset: number,
  length: number,
  { signal, onProgress }: ServerCopyOptions,
): Promise<number> {
  if (signal?.aborted === true) throw errors.aborted(signal.reason);
  const { protocol, file } = target.remote;
  const { bytes, committed, verifier } = await protocol.copy(source.remote.file, offset, file, offset, length);
  if (bytes === 0)
    throw errors.make('ERR_DIORITE_NO_PROGRESS', `${target.name}: the server copies none of ${length} bytes`, {
      path: target.name,
      offset,
    });
  target.noteServerWrote(offset, bytes, committed, verifier);
  onProgress(offset + bytes);
  return bytes;
}
