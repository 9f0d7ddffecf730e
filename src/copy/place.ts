// What copy() and probe() ask of a scheme: how names are understood, sources opened, destinations begun.
import type { Stats } from 'node:fs';
import type { Ending } from '../targets/pipe/writers.js';
import type { Destination } from './destination.js';
import type { CopySettings } from './options.js';
import type { ProbeResult } from './probe.js';
import type { Readable, Source } from './source.js';

/** A name, and what it stands for; null: nothing yet. */
export interface There {
  readonly path: string;
  readonly stats: Stats | null;
}

/** `regular`: written beside its name and published. `block`, `sequential`: written in place, never replaced. */
/** `replacing`: how what is there would be replaced, where that is not at once. */
export type Resolved = { readonly place: Place; readonly path: string; readonly replacing?: string | undefined } & (
  | { readonly kind: 'regular'; readonly stats: Stats | null }
  | { readonly kind: 'block' | 'sequential'; readonly stats: Stats }
);

/** How a file is opened to be read; what a scheme has no choice in, it ignores. */
export type OpenSettings = Pick<CopySettings, 'io' | 'engine' | 'requestBytes'>;

/** One for each scheme, for as long as a copy lasts; a folder for each. Names are those that its scheme has: paths, URLs. */
export interface Place {
  /** Names of places that share a store may stand for one thing: paths, and descriptors of this process. */
  readonly store: string;
  /** Sources may be streams: they are open already, and nobody has to be waited for to open them. */
  readonly takesStreams: boolean;
  /** What a source of that name is called inside a destination that is a directory; '': it has no name. */
  baseName(name: string): string;
  /** For messages, where the name itself says less. */
  titleOf?(name: string): string;
  /** Follows links. Nothing is opened. */
  stat(name: string): Promise<Stats>;
  /** For reading. */
  open(name: string, settings: OpenSettings): Promise<Readable>;
  /** Where the source begins in what `open` gives; absent: at its first byte. */
  originOf?(name: string): Promise<number>;
  /** After a copy: who shares the description goes on behind what was read. */
  leaveAt?(name: string, position: number): Promise<void>;
  /** After its end: whether what it gave is all of it, as far as that is known. */
  endingOf?(name: string): Promise<Ending>;
  /** Undefined: it is made up when it is read, and ends where it ends. */
  sizeOf(name: string, file: Readable, stats: Stats): Promise<number | undefined>;
  /** Through directories and links to the one thing that will be written. */
  resolve(name: string, baseName: string): Promise<Resolved>;
  /** Whatever can be refused is refused here, with nothing left. What is there may be replaced. */
  begin(resolved: Resolved, source: Source, settings: CopySettings): Promise<Destination>;
  /** The same for two names of one thing, there or not, and for no two things, whatever their places. */
  identity(there: There): Promise<string>;
  /** Whether one is the other, or lies somewhere under it. */
  overlap(one: There, other: There): Promise<boolean>;
  probe(name: string): Promise<ProbeResult>;
  /** After all that was opened was closed. */
  close(): Promise<void>;
}
