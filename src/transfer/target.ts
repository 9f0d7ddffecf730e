// The one interface of all targets: file, block device, NFS file, RADOS object, pipe, simulator.
import type { DioriteError } from '../base/errors.js';
import type { Layout } from '../plan/layout.js';
import type { Direction, Limits } from '../plan/limits.js';
import type { Pace } from './pace.js';
import type { Request } from './request.js';

export type { Layout, Unit } from '../plan/layout.js';
export type { Request, RequestOwner, Short } from './request.js';

/**
 * What an error says of the bytes of its request. `retry`: nothing happened, send it again (bounded). `none`: the bytes
 * are certainly as they were. `unknown`: some may have been moved, nobody knows which.
 */
export type Effect = 'retry' | 'none' | 'unknown';

/** How everything but unaligned ends went; see TransferResult.io. */
export type IoMode = 'direct' | 'drop-behind' | 'buffered' | 'clone' | 'server-copy';

/** A stretch of data; what lies between stretches reads as zeros. */
export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

export interface Holes {
  /** Where data may be in [offset, offset+length), sorted; what is left out reads as zeros. */
  map(offset: number, length: number): AsyncIterable<DataRange>;
  /** Makes the range read as zeros; `punched`: without taking space. */
  zero(offset: number, length: number): Promise<'punched' | 'written'>;
  /** Space that was never written reads as zeros. */
  readonly freshReadsZero: boolean;
}

/** Something new that becomes visible at once. Ended by `publish` or by `discard`; `discard` after a failed `publish`. */
export interface Publication {
  readonly target: Target;
  /** A name under which others can open it until it is published, to read back what was written; absent: there is none. */
  readonly temporaryName?: string;
  /** Makes the bytes durable, then visible under the name. Resolves with whether the name is durable too. */
  publish(): Promise<boolean>;
  /** Removes it, or does nothing where it was published or discarded already. */
  discard(): Promise<void>;
}

export interface Target {
  /** Path or URL, for messages. */
  readonly name: string;
  /** False: a pipe or socket, consumed once, in order; offsets are then counted from the first byte that moved. */
  readonly seekable: boolean;
  /** The size now, as far as it is known without asking; undefined: unknown until the end. */
  readonly size: number | undefined;
  /** Unanswered requests beyond this do not help. 1: more would go wrong (a pipe, O_APPEND), whatever depth is asked. */
  readonly bestDepth: number;
  /** How many bytes one transfer should have in flight, until their release; absent: the library's default. */
  readonly bestBytesInFlight?: number;
  /** What is known of how fast it is with how much in flight; absent or null: `bestDepth` and the limits' `bestBytes` hold. */
  paceOf?(direction: Direction): Pace | null;
  /** Memory may be kept for long after the answer (NFS: until the COMMIT that covers it). */
  readonly releasesLater?: boolean;
  /** By a transfer that waits for nothing but releases: what keeps memory should be brought to its end now. */
  hasten?(): void;
  /** Synchronous and cheap; the same object again where nothing changed. `offset` is where the next request starts. */
  limitsAt(offset: number, direction: Direction): Limits;
  /** Where a range lies, for a target of several units. Pure. A target without it is one unit. */
  readonly layout?: Layout;
  /**
   * Takes the request, or returns false: full (see `onceDrained`). Never blocks, throws or answers before it returns.
   * A request that was taken is answered once and released once.
   */
  submit(request: Request): boolean;
  /** After a `submit` that said full: calls back once when there is room again, never before this returns. */
  onceDrained(callback: () => void): void;
  /** Stops a request if that can be done; the answer still comes. Disks cannot: they ignore it. */
  cancel(request: Request): void;
  /** What an error that this target answered with says of the request's bytes. */
  effectOf(error: DioriteError, direction: Direction): Effect;
  /** `answer`: what is answered is durable. `sync`: only after `sync()`. `never`: pipes. */
  readonly durable: 'answer' | 'sync' | 'never';
  /** How the requests of this direction have really gone, as far as the target has seen. */
  ioMode(direction: Direction): IoMode;
  /** Makes durable everything answered before the call; rejects with the ledger of what is then unknown. */
  sync(options?: { readonly dataOnly?: boolean }): Promise<void>;
  readonly holes?: Holes;
  /** Waits until every request is released, then lets go. Idempotent. */
  close(): Promise<void>;
}

export interface BeginOptions {
  /** Permission bits in the end; until it is published nobody else may read it, where there are such bits. */
  readonly mode?: number;
  /** How much will be written: a store that is known to lack the room refuses now. */
  readonly size?: number;
  /** False: `publish` rejects with ERR_DIORITE_EXISTS where the name exists by then. Default: true. */
  readonly replace?: boolean;
}

/** How a scheme makes something new appear at once. */
export interface Publishing {
  /** Why it cannot (a device, a pipe, a striped object that is replaced): `begin` then rejects. Null: it can. */
  readonly cannotPublish: string | null;
  /** Under a name that exists: `publish` replaces it, and until then, or if it fails before, the old one is there, whole. */
  begin(name: string, options: BeginOptions): Promise<Publication>;
}
