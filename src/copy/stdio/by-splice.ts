// A copy from or to one stream, with another or one local file at the other end: kernel to kernel where pages lie well, and what is known when it fails.
import { DioriteError } from '../../base/errors.js';
import { FileTarget } from '../../targets/file/file-target.js';
import { PipeTarget } from '../../targets/pipe/pipe-target.js';
import {
  type MoveResult,
  moveFileToPipe,
  movePipeToFile,
  moveStreamToStreams,
  type SpliceOptions,
} from '../../targets/pipe/splice.js';
import type { Destination } from '../destination.js';
import type { Source } from '../source.js';

/** Moves all of it; or why it is to be moved through memory. Rejects with extents that are counted from the copy's start. */
export async function moveBySplice(
  source: Pick<Source, 'target' | 'origin' | 'size'>,
  destination: Pick<Destination, 'target' | 'origin'>,
  options: SpliceOptions,
): Promise<MoveResult | string> {
  const { target: from, origin, size } = source;
  const { target: to, origin: offset = 0 } = destination;
  if (from instanceof PipeTarget && to instanceof FileTarget) {
    if (!from.isPipe) return 'the source is no pipe';
    return relative(offset, movePipeToFile({ ...options, source: from, target: to, offset }));
  }
  if (from instanceof PipeTarget && to instanceof PipeTarget) return relay(from, to, options);
  if (from instanceof FileTarget && to instanceof PipeTarget) {
    if (size === undefined) return 'the source does not know its size';
    const move = moveFileToPipe({ ...options, target: from, offset: origin, bytes: size, sink: to });
    return relative(origin, noticingClosed(to.name, move));
  }
  return 'it is neither between streams, nor between a local file and a pipe';
}

async function relay(source: PipeTarget, sink: PipeTarget, options: SpliceOptions): Promise<MoveResult | string> {
  const moved = await noticingClosed(sink.name, moveStreamToStreams({ ...options, source, sinks: [sink] }));
  if (typeof moved === 'string') return moved;
  const [spliced = { splicedBytes: 0, stagedBytes: 0, reason: null }] = moved.sinks;
  return { bytes: moved.bytes, ended: moved.ended, ...spliced };
}

/** Told of by what it means: EPIPE alone says that to few. */
export async function noticingClosed<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DioriteError && error.code === 'EPIPE') error.message = `EPIPE: nobody reads ${name} any more`;
    throw error;
  }
}

/** What goes wrong is told by places in the file; the copy began at `origin` of it. */
export async function relative<T>(origin: number, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (origin > 0 && error instanceof DioriteError) {
      if (error.offset !== undefined) error.offset -= origin;
      if (error.extents !== undefined)
        error.extents = error.extents.map(({ offset, length, state }) => ({ offset: offset - origin, length, state }));
    }
    throw error;
  }
}
