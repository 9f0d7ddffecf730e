// worker URL write|read|naive|idle MIB pages|whole warm|fresh: moves MIB requests of 1 MiB through the NFS target, eight
// in flight, in a process of its own, and prints what it cost as JSON. A write ends with a sync. naive: one awaited call
// per page. fresh: it counts from the first byte of the process on.
import { randomFillSync } from 'node:crypto';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { type File, open } from '../../src/index.js';
import { Random } from '../random.js';

const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;
const IN_FLIGHT = 8;
const IDLE_MS = 1000;
/**
 * What is moved before it counts, so that it is compiled code that is measured: of a server's life, not of a start. V8
 * compiles what runs once a request only after some ten thousand requests: small ones, for they are soon done.
 */
const WARM_REQUESTS = 20_000;
const WARM_PAGES = 8;
const WARM_PART = 8;
const WARM_BYTES_MAX = 256 * MIB;

type Move = (slot: number, offset: number) => Promise<{ readonly requests: number }>;

/** What of one slot goes out or comes in at a time: its pages in an order in which no two meet, or all of it at once. */
function viewsOf(shape: string): Uint8Array[][] {
  return Array.from({ length: IN_FLIGHT }, (_, slot) => {
    const memory = Buffer.alloc(MIB);
    randomFillSync(memory);
    if (shape === 'whole') return [memory];
    const pages: Uint8Array[] = Array.from({ length: MIB / PAGE_BYTES }, (_, i) =>
      memory.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES),
    );
    const random = new Random(slot + 1);
    for (let i = pages.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [pages[i], pages[j]] = [pages[j] as Uint8Array, pages[i] as Uint8Array];
    }
    return pages;
  });
}

/** So many at a time, each slot's memory in one call at a time, `step` bytes in each. */
async function moveAll(bytes: number, step: number, move: Move): Promise<number> {
  let next = 0;
  let requests = 0;
  const loop = async (slot: number): Promise<void> => {
    for (let at = next; at < bytes; at = next) {
      next += step;
      const moved = await move(slot, at);
      requests += moved.requests;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, slot) => loop(slot)));
  return requests;
}

async function onePageAtATime(file: File, bytes: number, pages: readonly Uint8Array[]): Promise<number> {
  for (let at = 0; at < bytes; at += PAGE_BYTES) {
    const page = pages[(at / PAGE_BYTES) % pages.length] as Uint8Array;
    await file.write(page, { position: at, stable: false });
  }
  await file.sync();
  return bytes / PAGE_BYTES;
}

/** The first pages of each slot: as many pieces as there are in all of it, or one. */
function firstPages(views: readonly Uint8Array[][]): Uint8Array[][] {
  return views.map((slot) => {
    const [first] = slot as [Uint8Array, ...Uint8Array[]];
    return slot.length === 1 ? [first.subarray(0, WARM_PAGES * PAGE_BYTES)] : slot.slice(0, WARM_PAGES);
  });
}

function moveVectors(file: File, what: string, views: readonly Uint8Array[][], bytes: number): Promise<number> {
  const step = (views[0] ?? []).reduce((sum, view) => sum + view.byteLength, 0);
  if (what === 'read') return moveAll(bytes, step, (slot, at) => file.readv(views[slot] ?? [], at));
  return moveAll(bytes, step, (slot, at) => file.writev(views[slot] ?? [], at, { stable: false }));
}

async function warm(file: File, what: string, views: readonly Uint8Array[][], bytes: number): Promise<void> {
  const round = Math.min(bytes, WARM_BYTES_MAX);
  const few = firstPages(views);
  const perRound = round / (WARM_PAGES * PAGE_BYTES);
  for (let done = 0; done < WARM_REQUESTS; done += perRound) await moveVectors(file, what, few, round);
  await moveVectors(file, what, views, Math.min(bytes / WARM_PART, WARM_BYTES_MAX));
  if (what === 'write') await file.sync();
}

async function carryOut(url: string, what: string, bytes: number, shape: string, isFresh: boolean): Promise<number> {
  const views = viewsOf(what === 'naive' ? 'pages' : shape);
  await using file = await open(url, what === 'read' ? 'r' : 'w');
  if (what === 'naive') {
    await onePageAtATime(file, bytes / WARM_PART, views[0] ?? []);
    begin();
    return await onePageAtATime(file, bytes, views[0] ?? []);
  }
  if (!isFresh) await warm(file, what, views, bytes);
  begin();
  const requests = await moveVectors(file, what, views, bytes);
  if (what === 'write') await file.sync();
  return requests;
}

let started = 0;
let cpu = process.cpuUsage();
const delay = monitorEventLoopDelay({ resolution: 1 });

/** From here on it counts: connecting is not measured, on either side. */
function begin(): void {
  delay.enable();
  delay.reset();
  cpu = process.cpuUsage();
  started = performance.now();
}

const [url = '', what = '', mib = '0', shape = 'pages', start = 'warm'] = process.argv.slice(2);
let requests = 0;
if (what === 'idle') {
  begin();
  await wait(IDLE_MS);
} else requests = await carryOut(url, what, Number(mib) * MIB, shape, start === 'fresh');
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
delay.disable();
console.log(
  JSON.stringify({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMib: process.resourceUsage().maxRSS / 1024,
    loopMs: delay.percentile(99.9) / 1e6,
    requests,
  }),
);
