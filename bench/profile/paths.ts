// The hot paths: what a program calls a million times, each as a loop over so many operations.
import { constants } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../src/base/assert.js';
import { Batch, open, PAGE_SIZE } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory.js';
import type { Limits } from '../../src/plan/limits.js';
import { Planner } from '../../src/plan/planner.js';
import { PlannedRequest } from '../../src/plan/request.js';
import { Random } from '../random.js';
import { MIB, writeRandomFile } from '../scratch.js';

export interface HotPath {
  readonly name: string;
  /** What one operation is. */
  readonly operation: string;
  /** Operations between two looks at the heap: as few as a collection may not come between. */
  readonly batch: number;
  /** Operations in all when the heap is looked at. */
  readonly total: number;
  /** Makes what is needed in a directory of its own; gives what runs so many operations. */
  readonly prepare: (directory: string) => Promise<(operations: number) => Promise<void> | void>;
}

const MILLION = 1_000_000;
const DEPTH = 32;
const FILE_BYTES: number = 256 * MIB;
const BLOCKS: number = FILE_BYTES / PAGE_SIZE;
const PIECES = 1024;
/** Elements share memory: what was read is not looked at. */
const BATCH_PAGES = 512;

/** `depth` loops that share the operations: each waits for its own. */
async function spread(operations: number, depth: number, once: (slot: number) => Promise<unknown>): Promise<void> {
  let left = operations;
  const loop = async (slot: number): Promise<void> => {
    while (left-- > 0) await once(slot);
  };
  await Promise.all(Array.from({ length: depth }, (_, slot) => loop(slot)));
}

function views(count: number, bytes: number): Uint8Array[] {
  const region = new Region(count * bytes);
  return Array.from({ length: count }, (_, i) => region.bytes.subarray(i * bytes, (i + 1) * bytes));
}

function randomFile(directory: string): string {
  const path = join(directory, 'profile');
  writeRandomFile(path, FILE_BYTES);
  return path;
}

const PLACES = 65_536;

/** Random places of the file, made beforehand: what is looked at is what the library makes. */
function randomPlaces(): () => number {
  const random = new Random(1);
  const places = Int32Array.from({ length: PLACES }, () => random.below(BLOCKS) * PAGE_SIZE);
  let next = 0;
  return () => {
    next = (next + 1) % PLACES;
    return places[next] as number; // next is within
  };
}

interface Readable {
  read(view: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

function randomReads(file: Readable, depth: number): (operations: number) => Promise<void> {
  const memory = views(depth, PAGE_SIZE);
  const place = randomPlaces();
  return (operations) =>
    spread(operations, depth, (slot) => file.read(memory[slot] as Uint8Array, 0, PAGE_SIZE, place()));
}

/** As the file target asks for on a disk of 512-byte blocks, but that nothing is copied. */
const LIMITS: Limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: 4096,
  maxBytes: 2 ** 31 - 4096,
  bestBytes: 2 ** 20,
  maxSegments: 1024,
  bestSegments: 256,
  copyBreakBytes: 0,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};

/** Every other page of a region, so that no two meet. */
function scatteredPages(count: number): Uint8Array[] {
  const pages = views(2 * count, PAGE_SIZE).filter((_, i) => i % 2 === 0);
  new Random(1).shuffle(pages);
  return pages;
}

export const HOT_PATHS: readonly HotPath[] = [
  {
    name: 'await nothing',
    operation: 'an await of an async function that does nothing: what the loop itself costs',
    batch: 10_000,
    total: MILLION,
    prepare: async () => (operations) => spread(operations, DEPTH, async () => {}),
  },
  {
    name: 'read',
    operation: `await file.read(view, 0, 4096, position), random, ${DEPTH} at a time`,
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => randomReads(await open(randomFile(directory), 'r'), DEPTH),
  },
  {
    name: 'readBatch',
    operation: `an element of await file.readBatch(batch) of 10,000: 4 KiB at a random place, ${DEPTH} in flight`,
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r');
      const batch = new Batch(10_000, new Region(BATCH_PAGES * PAGE_SIZE).bytes);
      const place = randomPlaces();
      return async (operations) => {
        batch.clear();
        for (let i = 0; i < operations; i++) batch.add(place(), (i % BATCH_PAGES) * PAGE_SIZE, PAGE_SIZE);
        await file.readBatch(batch, { depth: DEPTH });
      };
    },
  },
  {
    name: 'FileHandle.read',
    operation: `the same by node:fs, of a file opened with O_DIRECT`,
    batch: 10_000,
    total: MILLION / 10,
    prepare: async (directory) => {
      const handle = await openHandle(randomFile(directory), constants.O_RDONLY | constants.O_DIRECT);
      kept.push(handle); // closed by the end of the process, not by the collector, which would complain
      return randomReads(handle, DEPTH);
    },
  },
  {
    name: 'read, one at a time',
    operation: 'await file.read(view, 0, 4096, position), random, depth 1',
    batch: 5_000,
    total: MILLION / 10,
    prepare: async (directory) => randomReads(await open(randomFile(directory), 'r'), 1),
  },
  {
    name: 'write',
    operation: `await file.write(view, 0, 4096, position), random, ${DEPTH} at a time`,
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r+');
      const memory = views(DEPTH, PAGE_SIZE);
      const place = randomPlaces();
      return (operations) =>
        spread(operations, DEPTH, (slot) => file.write(memory[slot] as Uint8Array, 0, PAGE_SIZE, place()));
    },
  },
  {
    name: 'large read',
    operation: 'await file.read(view, 0, 1 MiB, position), in order, 8 at a time',
    batch: 250,
    total: MILLION / 100,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r');
      const memory = views(8, MIB);
      let next = 0;
      return (operations) =>
        spread(operations, 8, (slot) => {
          const position = (next++ * MIB) % FILE_BYTES;
          return file.read(memory[slot] as Uint8Array, 0, MIB, position);
        });
    },
  },
  {
    name: 'writev',
    operation: `a page of await file.writev(${PIECES.toLocaleString('en-US')} scattered pages, position)`,
    batch: 10 * PIECES,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r+');
      const pages = scatteredPages(PIECES);
      return (operations) => spread(operations / PIECES, 1, () => file.writev(pages, 0));
    },
  },
  {
    name: 'readMany',
    operation: 'an entry of file.readMany(list): 4 KiB at a random place',
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r');
      const place = randomPlaces();
      const list = views(10_000, PAGE_SIZE).map((memory) => ({ position: place(), memory }));
      return async (operations) => {
        await file.readMany(list.slice(0, operations), { depth: 128 }).all();
      };
    },
  },
  {
    name: 'small pieces',
    operation: 'a piece of 100 bytes of await file.writev(10,000 pieces, position)',
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(randomFile(directory), 'r+');
      const arena = new Uint8Array(10_000 * 128);
      const pieces = Array.from({ length: 10_000 }, (_, i) => arena.subarray(i * 128, i * 128 + 100));
      return async (operations) => {
        const { bytesWritten } = await file.writev(pieces.slice(0, operations), 0);
        assert(bytesWritten === operations * 100, 'all of it was written');
      };
    },
  },
  {
    name: 'createWriteStream',
    operation: 'a chunk of 1 KiB through file.createWriteStream()',
    batch: 10_000,
    total: MILLION,
    prepare: async (directory) => {
      const file = await open(join(directory, 'stream'), 'w');
      const chunk = Buffer.alloc(1024, 'diorite ');
      return async (operations) => {
        const stream = file.createWriteStream({ start: 0, autoClose: false });
        for (let i = 0; i < operations; i++)
          if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
        await new Promise<void>((resolve) => stream.end(() => resolve()));
      };
    },
  },
  {
    name: 'forEachPage',
    operation: 'a page of iter.forEachPage(size, f) over scattered pages',
    batch: 65_536,
    total: 16 * 65_536,
    prepare: async () => {
      const iter = IovIter.iovec(scatteredPages(65_536));
      let seen = 0;
      return (operations) => {
        iter.dup().forEachPage(operations * PAGE_SIZE, (page, from, size) => {
          seen = (seen + (page ^ size) + from) | 0;
        });
      };
    },
  },
  {
    name: 'plan',
    operation: 'a vector of 4 KiB laid into requests',
    batch: 65_536,
    total: 16 * 65_536,
    prepare: async () => {
      const iter = IovIter.iovec(scatteredPages(65_536));
      const request = new PlannedRequest();
      return (operations) => {
        const planner = new Planner({
          iter: iter.dup(),
          offset: 0,
          bytes: operations * PAGE_SIZE,
          direction: 'write',
          limitsAt: () => LIMITS,
          pages: hostPages(),
        });
        while (planner.next(request));
      };
    },
  },
];

const kept: unknown[] = [];
