// One copy of the demo, in a process of its own: `demo-worker.mjs diorite|pipeline SOURCE DESTINATION`, JSON on stdout.
import { spawnSync } from 'node:child_process';
import fs, {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** Pages of the file in the page cache, by cachestat or fincore; null where there is neither. */
async function cachedPages(path) {
  const { loadAddon } = await import('../dist/src/memory/addon.js');
  const addon = loadAddon();
  if (addon !== null) {
    const fd = openSync(path, 'r');
    try {
      const pages = addon.cachedPages(fd, 0, statSync(path).size);
      if (pages >= 0) return pages;
    } finally {
      closeSync(fd);
    }
  }
  const { status, stdout } = spawnSync('fincore', ['--bytes', '--noheadings', '--output', 'PAGES', path], {
    encoding: 'utf8',
  });
  return status === 0 ? Number(stdout.trim()) : null;
}

/** posix_fadvise(DONTNEED) on clean pages: whoever may read the file may do it, no root needed. */
function dropCache(path) {
  const { status } = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  return status === 0;
}

/** read_bytes and write_bytes: what this process had the block layer fetch and send. */
function blockIo() {
  if (!existsSync('/proc/self/io')) return { readBytes: 0, writtenBytes: 0 };
  const text = readFileSync('/proc/self/io', 'utf8');
  const value = (name) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { readBytes: value('read_bytes'), writtenBytes: value('write_bytes') };
}

async function byDiorite(source, destination) {
  const { copy } = await import('../dist/src/index.js');
  const started = begin();
  const onProgress = ({ doneBytes, totalBytes }) => showProgress(doneBytes, totalBytes);
  // Its temporary file is renamed in the end: io counts, and the time runs, until the name too is on the disk.
  const result = await copy(source, destination, { onProgress });
  return { ...end(started), name: 'diorite copy', requests: result.requests, ...engineOf(result) };
}

function engineOf({ engine, engineReason, io }) {
  return { engine, engineReason, io };
}

/** Counts what the streams ask of node:fs, through their own `fs` option. */
function countingFs() {
  const counts = { requests: 0 };
  const counted = (call) =>
    function counting(...args) {
      counts.requests++;
      return call.apply(fs, args);
    };
  const { open, close, read, write, writev } = fs;
  return { counts, fs: { open, close, read: counted(read), write: counted(write), writev: counted(writev) } };
}

async function byPipeline(source, destination) {
  const counting = countingFs();
  const total = statSync(source).size;
  const started = begin();
  const writer = createWriteStream(destination, { fs: counting.fs, flags: 'wx' });
  const timer = setInterval(() => showProgress(writer.bytesWritten, total), 200);
  await pipeline(createReadStream(source, { fs: counting.fs }), writer);
  clearInterval(timer);
  const handle = await openHandle(destination, 'r');
  await handle.sync();
  await handle.close();
  return { ...end(started), name: 'node:fs pipeline', requests: counting.counts.requests };
}

/** VmHWM: getrusage's figure would count the memory of the parent that this process was forked from. */
function peakBytes() {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? process.memoryUsage().rss : Number(kib) * 1024;
}

let shownMs = 0;

function showProgress(done, total) {
  if (!process.stderr.isTTY || performance.now() - shownMs < 100) return;
  shownMs = performance.now();
  process.stderr.write(`\r  ${Math.floor((done / total) * 100)}%\x1b[K`);
}

function begin() {
  return { io: blockIo(), cpu: process.cpuUsage(), ms: performance.now() };
}

function end(started) {
  const durationMs = performance.now() - started.ms;
  const cpu = process.cpuUsage(started.cpu);
  const io = blockIo();
  return {
    durationMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
    readBytes: io.readBytes - started.io.readBytes,
    writtenBytes: io.writtenBytes - started.io.writtenBytes,
    peakBytes: peakBytes(),
  };
}

const [way, source, destination] = process.argv.slice(2);
const cold = dropCache(source);
const run = await (way === 'diorite' ? byDiorite : byPipeline)(source, destination);
const pages = { sourcePages: await cachedPages(source), destinationPages: await cachedPages(destination) };
process.stdout.write(JSON.stringify({ ...run, ...pages, cold, bytes: statSync(source).size }));
