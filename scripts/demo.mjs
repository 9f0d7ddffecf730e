// `npm run demo`: copies a real file with direct I/O and with node:fs, and shows what the kernel saw of each.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt, ensureInstalled, ROOT } from './lib.mjs';

const MIB = 1024 * 1024;
const WANTED_BYTES = 1024 * MIB;
const LEAST_BYTES = 64 * MIB;
/** The source, one copy at a time, and as much again to leave the disk usable. */
const ROOM_FACTOR = 3.5;
const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;
const PAGE_BYTES = 4096;

const WORKER = fileURLToPath(new URL('./demo-worker.mjs', import.meta.url));

function say(line = '') {
  process.stdout.write(`${line}\n`);
}

/** A directory on a disk: not on tmpfs, where nothing could be direct; the one with the most room. */
function chooseDirectory() {
  const candidates = [process.env.DIORITE_DEMO_DIR, tmpdir(), '/var/tmp', ROOT].filter(
    (path) => path && existsSync(path),
  );
  let best = null;
  for (const path of candidates) {
    const { type, bavail, bsize } = statfsSync(path);
    const inMemory = type === TMPFS_MAGIC || type === RAMFS_MAGIC;
    const freeBytes = bavail * bsize;
    if (path === process.env.DIORITE_DEMO_DIR) return { path, freeBytes };
    if (inMemory) continue;
    if (best === null || (best.freeBytes < WANTED_BYTES * ROOM_FACTOR && freeBytes > best.freeBytes))
      best = { path, freeBytes };
  }
  return best ?? { path: tmpdir(), freeBytes: statfsSync(tmpdir()).bavail * statfsSync(tmpdir()).bsize };
}

function chooseSize(freeBytes) {
  if (freeBytes >= WANTED_BYTES * ROOM_FACTOR) return WANTED_BYTES;
  const bytes = Math.floor(freeBytes / ROOM_FACTOR / MIB) * MIB;
  if (bytes < LEAST_BYTES)
    throw new Error(`only ${mib(freeBytes)} free: the demo needs ${mib(LEAST_BYTES * ROOM_FACTOR)}`);
  say(`Only ${mib(freeBytes)} are free, so the file is ${mib(bytes)} instead of ${mib(WANTED_BYTES)}.`);
  return bytes;
}

function mib(bytes) {
  return `${Math.round(bytes / MIB).toLocaleString('en-US')} MiB`;
}

/** The running node's own binary, again and again, each time with the number of the round in front: real bytes. */
function makeSource(path, bytes) {
  const binary = readFileSync(process.execPath);
  const fd = openSync(path, 'wx', 0o644);
  let written = 0;
  for (let round = 0; written < bytes; round++) {
    const header = Buffer.from(`diorite demo, round ${round}\n`);
    for (const part of [header, binary]) {
      const view = part.subarray(0, Math.min(part.length, bytes - written));
      for (let at = 0; at < view.length; ) at += writeSync(fd, view, at);
      written += view.length;
    }
    progress(`making ${mib(bytes)} of real bytes`, written, bytes);
  }
  fsyncSync(fd);
  closeSync(fd);
  progressDone();
}

const toTerminal = process.stderr.isTTY;

function progress(what, done, total) {
  if (!toTerminal) return;
  process.stderr.write(`\r${what}: ${Math.floor((done / total) * 100)}%\x1b[K`);
}

function progressDone() {
  if (toTerminal) process.stderr.write('\r\x1b[K');
}

/** SHA-256 through the page cache, by a way that has nothing of diorite in it. */
function checksum(path, what) {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let done = 0;
    const total = fstatOf(path).size;
    const stream = createReadStream(path, { highWaterMark: 4 * MIB });
    stream.on('error', reject);
    stream.on('data', (chunk) => {
      hash.update(chunk);
      done += chunk.length;
      progress(`checksum of ${what}`, done, total);
    });
    stream.on('end', () => {
      progressDone();
      resolve(hash.digest('hex'));
    });
  });
}

function fstatOf(path) {
  const fd = openSync(path, 'r');
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Each way runs in a process of its own, so that CPU time, memory and /proc/self/io are its own. */
function runWorker(way, source, destination) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [WORKER, way, source, destination], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      progressDone();
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`the copy by ${way} failed (exit status ${code})`));
    });
  });
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map(
    (row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('   ')}`,
  );
  lines.splice(1, 0, `  ${widths.map((width) => '-'.repeat(width)).join('   ')}`);
  return lines.join('\n');
}

function count(n) {
  return n === null ? 'not known' : n.toLocaleString('en-US');
}

function kib(bytes) {
  return bytes >= MIB ? `${(bytes / MIB).toFixed(2)} MiB` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/**
 * By what the kernel did. The block layer moved the whole file both ways (/proc/self/io) says that the disk was used at
 * all; that no page of either file appeared in the page cache says that nothing went through it.
 */
function wasDirect(run) {
  if (run.sourcePages === null) return 'not known';
  const little = Math.ceil(run.bytes / PAGE_BYTES / 1000);
  const cached = run.sourcePages > little || run.destinationPages > little;
  const moved = run.readBytes >= run.bytes * 0.99 && run.writtenBytes >= run.bytes * 0.99;
  return !cached && moved ? 'yes' : 'no';
}

function report(runs, checksumsOk) {
  const line = (label, value) => [label, ...runs.map(value)];
  say();
  say(
    table([
      line('', (run) => run.name),
      line('MB/s, until it is on the disk', (run) => (run.bytes / 1e6 / (run.durationMs / 1000)).toFixed(0)),
      line('CPU seconds', (run) => (run.cpuMs / 1000).toFixed(2)),
      line('requests issued', (run) => count(run.requests)),
      line('their average size', (run) => kib((2 * run.bytes) / run.requests)),
      line('pages left in the page cache: source', (run) => count(run.sourcePages)),
      line('pages left in the page cache: copy', (run) => count(run.destinationPages)),
      line('read from the disk (/proc/self/io)', (run) => mib(run.readBytes)),
      line('written to the disk (/proc/self/io)', (run) => mib(run.writtenBytes)),
      line('peak memory', (run) => mib(run.peakBytes)),
      line('really direct (by what the kernel did)', wasDirect),
      line('SHA-256 as the source', (run) => (checksumsOk.get(run) ? 'yes' : 'NO')),
    ]),
  );
  const [diorite, node] = runs;
  const why = diorite.engineReason === null ? '' : ` (${diorite.engineReason})`;
  say();
  say(`  diorite: ${diorite.engine} engine${why}; io: ${diorite.io.read} reads, ${diorite.io.write} writes.`);
  if (!diorite.cold || !node.cold)
    say('  The source could not be dropped from the page cache first (no dd): the reads were not cold.');
  const speed = node.durationMs / diorite.durationMs;
  const cpu = node.cpuMs / diorite.cpuMs;
  const fewer = node.requests / diorite.requests;
  say(
    `  Beside stream.pipeline: ${speed.toFixed(2)} × the speed, 1/${cpu.toFixed(1)} of the CPU time, 1/${fewer.toFixed(1)} of the requests.`,
  );
}

async function main() {
  ensureInstalled();
  ensureBuilt();
  const { path: parent, freeBytes } = chooseDirectory();
  const bytes = chooseSize(freeBytes);
  const directory = mkdtempSync(join(parent, '.diorite-demo-'));
  const cleanUp = () => rmSync(directory, { recursive: true, force: true });
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      cleanUp();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  try {
    say(`diorite demo: ${mib(bytes)} of real bytes (the node binary, again and again), in ${directory}`);
    say(`Node ${process.versions.node}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'CPU'}`);
    const source = join(directory, 'source');
    makeSource(source, bytes);
    const expected = await checksum(source, 'the source');
    const runs = [];
    const checksumsOk = new Map();
    for (const way of ['diorite', 'pipeline']) {
      const destination = join(directory, 'copy');
      say(way === 'diorite' ? 'copying with diorite copy …' : 'copying with node:fs: stream.pipeline, then fsync …');
      const run = await runWorker(way, source, destination);
      checksumsOk.set(run, (await checksum(destination, 'the copy')) === expected);
      rmSync(destination);
      runs.push(run);
    }
    report(runs, checksumsOk);
    if ([...checksumsOk.values()].includes(false)) throw new Error('a copy differs from its source');
  } finally {
    cleanUp();
  }
}

main().catch((error) => {
  process.stderr.write(`diorite demo: ${error.message}\n`);
  process.exitCode = 1;
});
