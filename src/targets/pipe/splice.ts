// Bytes between streams and files, kernel to kernel where pages allow, staged where they do not; and which it was.
import { errors } from '../../base/errors.js';
import { toOffset } from '../../base/integers.js';
import type { Target } from '../../transfer/target.js';
import { Op } from '../file/engines/engine.js';
import { Drain } from './drain.js';
import { endProblem } from './ends.js';
import { Feed } from './feed.js';
import type { PipeTarget } from './pipe-target.js';
import { Relay } from './relay.js';
import { type Destination, Route } from './route.js';

export type { Destination } from './route.js';

export interface SpliceOptions {
  /** The most bytes to move; without it, up to the end. */
  readonly bytes?: number | undefined;
  /** Ends the wait for a stream too: nothing else ends one whose writer never closes. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes done so far, in order. A throw is the caller's own and aborts nothing. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** How the bytes of one destination went. */
export interface Spliced {
  /** As they lay in their pages, kernel to kernel. */
  readonly splicedBytes: number;
  /** Copied through memory. */
  readonly stagedBytes: number;
  /** Why any were, as one clause; null: none. */
  readonly reason: string | null;
}

export interface MoveResult extends Spliced {
  readonly bytes: number;
  /** The source has no more; false: as many as were asked for were moved. */
  readonly ended: boolean;
}

export interface MoveToFiles extends SpliceOptions {
  readonly source: PipeTarget;
  /** Each gets all of it: the stream is read once, and its pages are shared by tee. */
  readonly destinations: readonly Destination[];
}

export interface MoveToFile extends SpliceOptions {
  readonly source: PipeTarget;
  readonly target: Target;
  readonly offset?: number | undefined;
}

export interface MoveToStreams extends SpliceOptions {
  readonly source: PipeTarget;
  /** Each gets all of it, at the pace of the slowest. */
  readonly sinks: readonly PipeTarget[];
}

export interface MoveFromFile extends SpliceOptions {
  readonly target: Target;
  readonly offset?: number | undefined;
  readonly sink: PipeTarget;
}

/**
 * A stream to files, up to its end or `bytes`. Resolves when every byte is with every target; nothing is synced. Rejects
 * with the first error, and the ledger of its destination: `bytes` from the start are certainly there. What was taken
 * from the stream by then and not written is lost, as it is to everybody who reads a stream and fails.
 */
export async function movePipeToFiles(
  input: MoveToFiles,
): Promise<{ readonly bytes: number; readonly ended: boolean; readonly destinations: readonly Spliced[] }> {
  const { source, destinations, signal, onProgress } = input;
  if (destinations.length === 0) throw errors.invalidValue('destinations', 'at least one', destinations);
  source.check();
  const routes = destinations.map((destination) => new Route(destination));
  const ended = await new Drain({ source, routes, bytes: most(input), signal, onProgress }).run();
  const bytes = routes[0]?.doneBytes ?? 0;
  return { bytes, ended, destinations: routes.map(splicedOf) };
}

/** As movePipeToFiles, for one. */
export async function movePipeToFile(input: MoveToFile): Promise<MoveResult> {
  const { source, target, offset, bytes: asked, signal, onProgress } = input;
  const options = { bytes: asked, signal, onProgress };
  const { bytes, ended, destinations } = await movePipeToFiles({
    source,
    destinations: [{ target, offset }],
    ...options,
  });
  const [spliced] = destinations;
  return { bytes, ended, ...(spliced ?? { splicedBytes: 0, stagedBytes: 0, reason: null }) };
}

/**
 * A file from `offset` on to a stream, up to the end or `bytes`. Memory of ours never goes into the stream: its pages
 * are the kernel's own, filled by the disk, or copies. Rejects with EPIPE where nobody reads any more; `bytes` were
 * taken by then.
 */
export async function moveFileToPipe(input: MoveFromFile): Promise<MoveResult> {
  const { target, sink, offset = 0, signal, onProgress } = input;
  sink.check();
  const from = toOffset(offset, 'offset');
  return new Feed({ target, offset: from, bytes: most(input), sink, signal, onProgress }).run();
}

/**
 * A stream to streams: what comes goes on at once. Pages of pipes and sockets go as they lie, however they do; why not from
 * the start, as one clause. Rejects with the first error, EPIPE where nobody reads a sink any more; `bytes` are what all
 * sinks have taken.
 */
export async function moveStreamToStreams(
  input: MoveToStreams,
): Promise<{ readonly bytes: number; readonly ended: boolean; readonly sinks: readonly Spliced[] } | string> {
  const { source, sinks, signal, onProgress } = input;
  if (sinks.length === 0) throw errors.invalidValue('sinks', 'at least one', sinks);
  for (const stream of [source, ...sinks]) {
    stream.check();
    const problem = stream.engine.supports(Op.SPLICE) ? endProblem(stream) : 'splicing needs the addon';
    if (problem !== null) return problem;
  }
  const relay = Relay.make({ source, sinks, bytes: most(input), signal, onProgress });
  if (typeof relay === 'string') return relay;
  const ended = await relay.run();
  return { bytes: relay.doneBytes, ended, sinks: relay.splits };
}

function most({ bytes }: SpliceOptions): number {
  return bytes === undefined ? Number.POSITIVE_INFINITY : toOffset(bytes, 'bytes');
}

function splicedOf({ splicedBytes, stagedBytes, reason }: Route): Spliced {
  return { splicedBytes, stagedBytes, reason };
}
