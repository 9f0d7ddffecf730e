// 4 KiB random O_DIRECT reads with bare operations, no transfer on top, beside fio on the same file.
// Usage: node dist/bench/engine-probe.js [path] [depth] [seconds]; the path is made (256 MiB) where it is missing.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { loadAddon } from '../src/memory/addon.js';
import { SegmentList } from '../src/plan/request.js';
import { type Engine, Op, type Operation } from '../src/targets/file/engines/engine.js';
import { PoolEngine } from '../src/targets/file/engines/pool.js';
import { RegisteredBuffers } from '../src/targets/file/engines/registered.js';
import { openRing } from '../src/targets/file/engines/ring-setup.js';
import { UringEngine } from '../src/targets/file/engines/uring.js';

const BLOCK_BYTES = 4096;
const FILE_BYTES = 256 << 20;
const ROUNDS = 7;

const path = process.argv[2] ?? join(tmpdir(), 'diorite-engine-probe');
const depth = Number(process.argv[3] ?? 128);
const seconds = Number(process.argv[4] ?? 1);

function prepare(): void {
  if (fs.existsSync(path) && fs.statSync(path).size >= FILE_BYTES) return;
  const fd = fs.openSync(path, 'w');
  const piece = Buffer.alloc(1 << 20, 0xa5);
  for (let i = 0; i < FILE_BYTES / piece.length; i++) fs.writeSync(fd, piece);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

interface Figures {
  iops: number;
  userMicroseconds: number;
  systemMicroseconds: number;
}

function measure(engine: Engine, buffer: ArrayBuffer): Promise<Figures> {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECT);
  const blocks = Math.floor(fs.statSync(path).size / BLOCK_BYTES);
  let random = 12345;
  let done = 0;
  let active = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  const stopAt = started + seconds * 1000;
  let stopping = false;
  const timer = setTimeout(() => {
    stopping = true;
  }, stopAt - started);
  return new Promise((resolve, reject) => {
    const start = (operation: Operation): void => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      operation.offset = (random % blocks) * BLOCK_BYTES;
      if (!engine.submit(operation)) throw new Error('the engine is full below its depth');
    };
    const finish = (): void => {
      clearTimeout(timer);
      const elapsed = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      fs.closeSync(fd);
      resolve({ iops: done / elapsed, userMicroseconds: user / done, systemMicroseconds: system / done });
    };
    for (let i = 0; i < Math.min(depth, engine.depth); i++) {
      const segments = new SegmentList();
      segments.push(buffer, i * BLOCK_BYTES, BLOCK_BYTES, false);
      const operation: Operation = {
        op: Op.READ,
        fd,
        offset: 0,
        length: BLOCK_BYTES,
        flags: 0,
        segments,
        buffered: false,
        complete(result) {
          if (result !== BLOCK_BYTES) reject(new Error(`read: ${result}`));
          done++;
          if (!stopping) start(operation);
          else if (--active === 0) finish();
        },
      };
      active++;
      start(operation);
    }
  });
}

function fio(): Figures {
  const args = ['--name=probe', `--filename=${path}`, '--ioengine=io_uring', '--rw=randread', `--bs=${BLOCK_BYTES}`];
  args.push('--direct=1', `--iodepth=${depth}`, `--runtime=${seconds}`, '--time_based', '--output-format=json');
  args.push(`--size=${FILE_BYTES}`, '--iodepth_batch_submit=32', '--iodepth_batch_complete_max=32');
  const { stdout, error } = spawnSync('fio', args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  const [job] = JSON.parse(stdout).jobs;
  const { iops } = job.read;
  // Its CPU times are percentages of the run.
  return { iops, userMicroseconds: (job.usr_cpu * 1e4) / iops, systemMicroseconds: (job.sys_cpu * 1e4) / iops };
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function show(name: string, all: readonly Figures[], ratios: readonly number[]): void {
  const iops = median(all.map((figures) => figures.iops)).toFixed(0);
  const user = median(all.map((figures) => figures.userMicroseconds)).toFixed(2);
  const system = median(all.map((figures) => figures.systemMicroseconds)).toFixed(2);
  const beside = `${median(ratios).toFixed(2)} × fio (${Math.min(...ratios).toFixed(2)} … ${Math.max(...ratios).toFixed(2)})`;
  console.log(
    `${name.padEnd(8)} ${iops.padStart(8)} reads/s  ${beside}  cpu per read: user ${user} µs, system ${system} µs`,
  );
}

prepare();
const addon = loadAddon();
if (addon === null) throw new Error('this needs the addon');
const addresses = new WeakMap<ArrayBufferLike, number>();
const addressOf = (buffer: ArrayBufferLike): number => {
  let address = addresses.get(buffer);
  if (address === undefined) {
    address = addon.addressOf(buffer);
    addresses.set(buffer, address);
  }
  return address;
};
const { buffer } = addon.regionCreate(depth * BLOCK_BYTES);
const opened = openRing(addon, 256);
if ('reason' in opened) throw new Error(opened.reason);
const buffers = new RegisteredBuffers(opened.native, addressOf, () => opened.ring.unsubmitted > 0);
const uring = new UringEngine(opened.ring, addon, addressOf, buffers);
const threads = new PoolEngine(addon, addressOf, Math.max(depth, 64));
await measure(uring, buffer); // warm: the file's first touch, the compiler

// In turns, and the median of the ratios: a disk that others use as well drifts by more than what is looked for.
const results: Record<'fio' | 'uring' | 'threads', Figures[]> = { fio: [], uring: [], threads: [] };
for (let round = 0; round < ROUNDS; round++) {
  results.fio.push(fio());
  results.uring.push(await measure(uring, buffer));
  results.threads.push(await measure(threads, buffer));
}
console.log(`${BLOCK_BYTES}-byte random direct reads, depth ${depth}, ${ROUNDS} rounds of ${seconds} s each: medians`);
for (const name of ['fio', 'uring', 'threads'] as const) {
  const ratios = results[name].map((figures, i) => figures.iops / (results.fio[i]?.iops ?? Number.NaN));
  show(name, results[name], ratios);
}
