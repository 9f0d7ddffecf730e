// The memory of regions goes when its last user does, and not before: collection, transfer, workers, jobs in flight.
// Each scenario runs in a process of its own with --expose-gc: this file, started again with the scenario's name.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { runJson } from '../../test/support/children.js';
import { type Addon, loadAddon } from './addon.js';
import { Region } from './region.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const OP_READ = 0;

function addonOrFail(): Addon {
  const addon = loadAddon();
  assert(addon !== null);
  return addon;
}

/** One turn of the event loop, after a collection: finalizers run on a later turn than the one that collects. */
async function collect(): Promise<void> {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Collects until no more than `bytes` are mapped; returns what is mapped after 100 collections at the latest. */
async function mappedAfter(bytes: number): Promise<number> {
  const addon = addonOrFail();
  for (let turn = 0; turn < 100 && addon.regionBytes() > bytes; turn++) await collect();
  return addon.regionBytes();
}

/** A FIFO, open for both ends, so that a read of it lasts until somebody writes. */
function openFifo(): { fd: number; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'diorite-fifo-'));
  const path = join(folder, 'fifo');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const fd = openSync(path, constants.O_RDWR);
  const remove = (): void => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  };
  return { fd, remove };
}

/** A read on the pool, from the descriptor's own position, into the start of the region. */
function readInto(region: Region, fd: number, length: number): Promise<number> {
  const addon = addonOrFail();
  const address = addon.addressOf(region.buffer);
  const iov = Uint32Array.of(address % 2 ** 32, Math.floor(address / 2 ** 32), length, 0);
  return new Promise((resolve) => addon.job(OP_READ, fd, -1, length, 0, iov, 0, 1, region.handle, resolve));
}

/** A function of its own: the last view of a loop would live on in a register of the interpreter. */
function fillWithSeven(view: Uint8Array): void {
  view.fill(7);
}

const scenarios: Record<string, () => Promise<Record<string, unknown>>> = {
  async dropped() {
    const addon = addonOrFail();
    const start = addon.regionBytes();
    let regions: Region[] | null = Array.from({ length: 100 }, () => new Region(64 * KIB));
    const during = addon.regionBytes() - start;
    // Half of them by their view alone: the buffer keeps the memory though region and handle are gone.
    let views: Uint8Array[] | null = regions.slice(0, 50).map((region) => region.bytes);
    regions = null;
    const withViews = (await mappedAfter(start + 50 * 64 * KIB)) - start;
    views.forEach(fillWithSeven);
    views = null;
    return { during, withViews, after: (await mappedAfter(start)) - start };
  },

  async churn() {
    const addon = addonOrFail();
    let peak = 0;
    for (let i = 0; i < 1000; i++) {
      new Region(MIB).bytes[i] = 1;
      peak = Math.max(peak, addon.regionBytes());
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    return { peak, after: await mappedAfter(0) };
  },

  async disposed() {
    const addon = addonOrFail();
    const region = new Region(64 * KIB);
    const { bytes, buffer } = region;
    region[Symbol.dispose]();
    // The handle is still held here: disposing empties the views, and the memory waits for the handle.
    const kept = addon.regionBytes();
    const { handle } = region;
    const unmapped = new Region(64 * KIB);
    unmapped.unmap();
    const after = await mappedAfter(64 * KIB);
    return { view: bytes.length, buffer: buffer.byteLength, kept, after, handle: typeof handle };
  },

  async inFlight() {
    const { fd, remove } = openFifo();
    let region: Region | null = new Region(64 * KIB);
    const read = readInto(region, fd, 100);
    region[Symbol.dispose]();
    region = null;
    for (let turn = 0; turn < 20; turn++) await collect();
    const during = addonOrFail().regionBytes();
    writeSync(fd, Buffer.alloc(100, 1));
    const result = await read;
    const after = await mappedAfter(0);
    remove();
    return { during, result, after };
  },

  async transferred() {
    const region = new Region(64 * KIB);
    region.bytes.fill(5);
    let copy: ArrayBuffer | null = null;
    try {
      copy = structuredClone(region.buffer, { transfer: [region.buffer] });
    } catch (error) {
      // From Node 22 on such a buffer refuses to be transferred; Node 20 copies it.
      assert(error instanceof Error && error.name === 'DataCloneError');
    }
    const same = copy === null || new Uint8Array(copy).every((byte) => byte === 5);
    return { same, byteLength: region.buffer.byteLength, detached: region.detached };
  },

  async worker() {
    const addon = addonOrFail();
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: { held: 10 } });
      await new Promise((resolve) => worker.once('message', resolve));
      assert(addon.regionBytes() >= 10 * MIB);
      await worker.terminate();
    }
    return { after: await mappedAfter(0) };
  },

  async workerInFlight() {
    const addon = addonOrFail();
    const { fd, remove } = openFifo();
    const worker = new Worker(new URL(import.meta.url), { workerData: { held: 1, fd } });
    await new Promise((resolve) => worker.once('message', resolve));
    let ended = false;
    const termination = worker.terminate().then(() => {
      ended = true;
    });
    for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
    const during = { mapped: addon.regionBytes(), ended };
    writeSync(fd, Buffer.alloc(100, 1));
    await termination;
    remove();
    return { during, after: await mappedAfter(0) };
  },

  async throwing() {
    const addon = addonOrFail();
    const caught: string[] = [];
    const order: string[] = [];
    process.on('uncaughtException', (error) => caught.push(error.message));
    const job = (then: () => void): Promise<void> =>
      new Promise((resolve) => {
        addon.job(99, -1, 0, 0, 0, null, 0, 0, null, () => {
          resolve();
          queueMicrotask(() => order.push('microtask'));
          process.nextTick(() => order.push('tick'));
          then();
        });
      });
    await job(() => {
      throw new Error('from the callback');
    });
    await job(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    return { caught, order: order.sort() };
  },
};

/** In a worker: regions that only the worker's end lets go, and perhaps a read into one that nobody ends in time. */
function workerMain(): void {
  const { held, fd } = workerData as { held: number; fd?: number };
  const regions = Array.from({ length: held }, () => new Region(MIB));
  const [first] = regions;
  if (fd !== undefined && first !== undefined) void readInto(first, fd, 100);
  parentPort?.on('message', () => regions.length); // stays alive, and so do they
  parentPort?.postMessage('ready');
}

async function run(name: string, options: { args?: string[] } = {}): Promise<Record<string, unknown>> {
  const script = new URL(import.meta.url);
  const result = await runJson(script, { nodeArguments: ['--expose-gc'], args: [name, ...(options.args ?? [])] });
  return result as Record<string, unknown>;
}

function defineTests(): void {
  const options = loadAddon() === null ? { skip: 'needs the addon' } : {};
  test('regions that are dropped are unmapped, and not while a view is left', options, async () => {
    assert.deepEqual(await run('dropped'), { during: 6400 * KIB, withViews: 3200 * KIB, after: 0 });
  });
  test('1000 regions are made and dropped without asking for a collection', options, async () => {
    const { peak, after } = await run('churn');
    assert.equal(after, 0);
    assert(Number(peak) <= 512 * MIB, `V8 knows of the memory and collects: at most ${peak} bytes at once`);
  });
  test('disposing empties the views; unmapping gives the memory back at once', options, async () => {
    const expected = { view: 0, buffer: 0, kept: 64 * KIB, after: 64 * KIB, handle: 'object' };
    assert.deepEqual(await run('disposed'), expected);
  });
  test('a job in flight keeps the memory of a region that is disposed of and collected', options, async () => {
    assert.deepEqual(await run('inFlight'), { during: 64 * KIB, result: 100, after: 0 });
  });
  test('a buffer of a region that somebody transfers is copied or refused', options, async () => {
    assert.deepEqual(await run('transferred'), { same: true, byteLength: 64 * KIB, detached: false });
  });
  test('the regions of workers that are terminated are unmapped', options, async () => {
    assert.deepEqual(await run('worker'), { after: 0 });
  });
  test('terminating a worker waits for its job, whose memory stays until then', options, async () => {
    const expected = { during: { mapped: MIB, ended: false }, after: 0 };
    assert.deepEqual(await run('workerInFlight'), expected);
  });
  test('what a callback of a job throws is an uncaught exception, and ticks and microtasks run', options, async () => {
    const order = ['microtask', 'microtask', 'tick', 'tick'];
    assert.deepEqual(await run('throwing'), { caught: ['from the callback'], order });
  });
}

const isThisFile = process.argv[1] === fileURLToPath(import.meta.url);
const scenario = scenarios[process.argv[2] ?? ''];
if (!isMainThread) workerMain();
else if (isThisFile && scenario !== undefined) process.stdout.write(JSON.stringify(await scenario()));
else defineTests();
