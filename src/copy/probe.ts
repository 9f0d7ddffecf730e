// probe(): what direct I/O asks for at a path, where that was learnt, and what there is to know of machine or server.
import type { Striping } from '../targets/striping.js';
import type { FileFacts, Learnt } from '../transfer/facts.js';
import type { Chosen, PaceBounds } from '../transfer/pace.js';
import type { Path } from './options.js';
import { Places, toLocation } from './places.js';

/** `natively`; `slowly`: another way, at a cost; `refused`: with ERR_DIORITE_UNSUPPORTED, by name. */
export type How = 'natively' | 'slowly' | 'refused';

export interface Capability {
  readonly name: string;
  readonly how: How;
  /** What is done, or why it is not. */
  readonly note: string;
}

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

export interface DeviceFacts extends DeviceNumber {
  /** As the kernel calls it: `sda1`. */
  readonly name: string;
  /** The disk, where the device is a partition of one: its limits are the partition's. */
  readonly partitionOf: string | null;
  readonly bytes: number;
  readonly readOnly: boolean;
  /** Attributes of the queue by their names in sysfs (Documentation/ABI/stable/sysfs-block), those that there are. */
  readonly limits: Readonly<Record<string, string>>;
}

export interface ProbedAlignment {
  readonly memory: Learnt;
  readonly read: Learnt;
  readonly write: Learnt;
  /** Where the ends of an unaligned write are cut. */
  readonly end: Learnt;
}

/** What a server says of itself. */
export interface ProbedServer {
  /** `host:port` */
  readonly name: string;
  readonly protocol: string;
  readonly version: string;
  /** What one request carries at most, and what the server likes best. */
  readonly limits: {
    readonly readBytesMax: number;
    readonly writeBytesMax: number;
    readonly readBytesBest: number;
    readonly writeBytesBest: number;
    /** The largest file; offsets end at 2^53 − 1 here, whatever the server takes. */
    readonly fileBytesMax: number;
  };
  /** Whether it offers them, SEEK, COPY … by their names in small letters; null: only a file with bytes would tell. */
  readonly operations: Readonly<Record<string, boolean | null>>;
  /** What carries connections: io_uring, or node:net and why. */
  readonly connection: { readonly name: 'uring' | 'node:net'; readonly whyNotUring: string | null };
  /** A call that does nothing, there and back: the shortest of some. */
  readonly roundTripMs: number;
}

export interface ProbedPool {
  readonly name: string;
  readonly id: number;
  /** '': the default one. */
  readonly namespace: string;
  readonly type: 'replicated' | 'erasure-coded';
  /** Copies, or k + m; and how many of them must be there for writes. */
  readonly size: number;
  readonly minSize: number;
  readonly placementGroups: number;
  /** What writes to one object are aligned to; 1: any byte. */
  readonly alignment: number;
  /** False: an object is written once, in order. */
  readonly overwrites: boolean;
  /** As Ceph names them: full, nearfull … */
  readonly flags: readonly string[];
}

/** What a Ceph cluster says of itself. */
export interface ProbedCluster {
  readonly fsid: string;
  /** Of the OSD map. */
  readonly epoch: number;
  readonly osds: { readonly all: number; readonly up: number; readonly in: number };
  /** Of the map, as Ceph names them: full, pausewr … */
  readonly flags: readonly string[];
  readonly pool: ProbedPool;
  /** `layout`: of the file, or of one that is made; null: it is one object. */
  readonly file: { readonly exists: boolean; readonly bytes: number | null; readonly layout: Striping | null };
  readonly limits: {
    readonly requestBytesMax: number;
    readonly oneObjectBytesMax: number;
    readonly stripedObjectBytesMax: number;
  };
  /** What computes the messenger's checksums: the addon, an optional package, WebAssembly or TypeScript. */
  readonly crc32c: string;
  /** To an OSD and back: the shortest of some. */
  readonly roundTripMs: number;
}

export interface ProbedDefaults {
  /** What one read or write begins with, and why; what it comes to is `chosen` of its result. */
  readonly start: Chosen;
  /** Within these it is adapted while requests run; null: it stays. */
  readonly bounds: PaceBounds | null;
  /** What a copy begins with. */
  readonly copy: Chosen;
  /** How many pieces a long copy to one destination may come to. */
  readonly copyDepthMax: number;
}

export interface ProbeResult {
  /** The path, or the URL. */
  readonly path: string;
  readonly kind: FileFacts['kind'];
  /** For a directory: of a file there, as far as that is known without one. */
  readonly alignment: ProbedAlignment;
  /** Why O_DIRECT is of no use here, by direction; null: it is. */
  readonly notDirect: FileFacts['notDirect'];
  /** `magic` as of statfs(2), 0 where it is not of this machine; `freeBytes` −1: unknown. */
  readonly fileSystem: { readonly name: string; readonly magic: number; readonly freeBytes: number };
  /** Null where no single block device lies under the file system. */
  readonly device: DeviceFacts | null;
  /** There for a server's files only. */
  readonly server?: ProbedServer;
  /** There for a cluster's pools and files only. */
  readonly cluster?: ProbedCluster;
  /** What carries the requests to this path. */
  readonly engine: {
    readonly name: string;
    /** Why it is not io_uring; null when it is. */
    readonly whyNotUring: string | null;
    readonly maxSegments: number;
    readonly depth: number;
  };
  /** What is kept in flight where nothing is asked for. */
  readonly defaults: ProbedDefaults;
  readonly uring: {
    readonly available: boolean;
    readonly reason: string | null;
    readonly features: readonly string[];
    readonly setup: readonly string[];
    readonly opcodes: number;
  };
  /** Null: the native addon is loaded. */
  readonly addonProblem: string | null;
  readonly capabilities: readonly Capability[];
  readonly machine: { readonly node: string; readonly kernel: string; readonly arch: string };
  /** What to know about these answers. */
  readonly notes: readonly string[];
}

/**
 * Looks at a file, a directory or a block device, here or on a server, or at a pool of a Ceph cluster. Nothing is ever written, or created, merely to
 * learn something.
 */
export async function probe(path: Path): Promise<ProbeResult> {
  const places = new Places();
  try {
    const { place, name } = await places.locate(toLocation(path, 'path'));
    return await place.probe(name);
  } finally {
    await places.close();
  }
}
