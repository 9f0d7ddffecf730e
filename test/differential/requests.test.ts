// What reaches the device, by the kernel's own trace: the bytes of the plan, none beside them, in as few requests.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { alignUp, PAGE_SIZE } from '../../src/base/integers.js';
import { type File, open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { type Plan, type PlanRequest, plan } from '../../src/plan.js';
import { assertNoLeaks } from '../support/leaks.js';
import { needs, requireAddon } from '../support/needs.js';
import { type Random, withSeed } from '../support/random.js';
import { type BlockRequest, type BlockTrace, withBlockTrace, withFilesystem } from '../support/root-harness.js';
import { apart, randomVectors } from './cases.js';
import type { Vector } from './kernel.js';
import { type Call, describeCall, viewsOf } from './pair.js';

const FILE_BYTES = 8 * 1024 * 1024;
const ARENA_BYTES = 9 * 1024 * 1024;
const RANDOM_CALLS = 25;
/** BIO_MAX_VECS, include/linux/bio.h. */
const BIO_VECTORS_MAX = 256;

/** Bytes from … to. Of a file or of a device. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** Where a piece of a file lies on its device. */
interface Mapped extends Range {
  readonly device: number;
}

/** By FIEMAP, as filefrag(8) tells it. */
function extentsOf(path: string): Mapped[] {
  const shown = spawnSync('filefrag', ['-s', '-b512', '-v', path], { encoding: 'utf8' });
  assert.equal(shown.status, 0, shown.stderr);
  //    0:        0..    2047:     270336..    272383:   2048:             last,eof
  const pattern = /^ *\d+: *(\d+)\.\. *(\d+): *(\d+)\.\. *\d+:/gm;
  return [...shown.stdout.matchAll(pattern)].map(([, first, last, physical]) => ({
    from: Number(first) * 512,
    to: (Number(last) + 1) * 512,
    device: Number(physical) * 512,
  }));
}

function queueLimit(device: string, name: string): number {
  return Number(readFileSync(`/sys/block/${device.replace('/dev/', '')}/queue/${name}`, 'utf8'));
}

/** Sorted, and those that touch or overlap are one. */
function joined(ranges: readonly Range[]): Range[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (from === to) continue;
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else all.push({ from, to });
  }
  return all;
}

/** Ranges of the file, where they lie on the device. */
function onDevice(ranges: readonly Range[], extents: readonly Mapped[]): Range[] {
  const all = ranges.flatMap((range) =>
    extents.map(({ from, to, device }) => ({
      from: device + Math.max(range.from, from) - from,
      to: device + Math.max(Math.max(range.from, from), Math.min(range.to, to)) - from,
    })),
  );
  return joined(all);
}

/** Requests for the file's bytes; one that was issued twice (the driver was busy) counts once. */
function issuedFor(trace: BlockTrace, op: Call['op'], extents: readonly Mapped[]): BlockRequest[] {
  const once = new Map<number, BlockRequest>();
  for (const request of trace.requests()) {
    const from = request.sector * 512;
    const isData = extents.some(({ from: first, to, device }) => from >= device && from < device + to - first);
    if (request.bytes > 0 && isData && request.kind.includes(op === 'read' ? 'R' : 'W'))
      once.set(request.sector, request);
  }
  return [...once.values()];
}

function requestRange({ offset, bytes }: PlanRequest): Range {
  return { from: offset, to: offset + bytes };
}

/** The ends of a write go through the page cache, which writes the file system's blocks that they lie in. */
function widened({ from, to }: Range, block: number): Range {
  return { from: from - (from % block), to: alignUp(to, block) };
}

/**
 * The most requests that the device gets where no two pages are neighbours: each fragment of a page is a segment, each
 * request of the plan is cut by the queue's limits and where a bio is full, and each extent's end cuts as well.
 */
function mostRequests(requests: readonly PlanRequest[], extents: readonly Mapped[], device: string): number {
  const segmentsMax = Math.min(queueLimit(device, 'max_segments'), BIO_VECTORS_MAX);
  const bytesMax = queueLimit(device, 'max_sectors_kb') * 1024;
  let most = 0;
  for (const request of requests) {
    let segments = 0;
    let bytes = 0;
    most++;
    for (const { byteOffset, length, staged } of request.segments) {
      let left = length;
      let at = staged ? 0 : byteOffset;
      while (left > 0) {
        const fragment = Math.min(left, PAGE_SIZE - (at % PAGE_SIZE));
        if (++segments > segmentsMax || bytes + fragment > bytesMax) {
          most++;
          segments = 1;
          bytes = 0;
        }
        bytes += fragment;
        at += fragment;
        left -= fragment;
      }
    }
    // A bio is full at 256 vectors, wherever the queue has cut before.
    most += Math.ceil(request.segments.length / BIO_VECTORS_MAX) - 1;
    const { from, to } = requestRange(request);
    most += extents.filter((extent) => extent.from > from && extent.from < to).length;
  }
  return most;
}

interface Subject {
  readonly t: TestContext;
  readonly file: File;
  readonly path: string;
  readonly device: string;
  readonly region: Region;
}

async function checkRequests({ t, file, path, device, region }: Subject, call: Call): Promise<void> {
  const { op, offset, vectors } = call;
  const views = viewsOf(region, vectors);
  const planned: Plan = plan(views, { offset, direction: op, limits: file.limits(op) });
  const requests = [...planned];
  const extents = extentsOf(path);
  const block = statfsSync(path).bsize;
  const what = describeCall(call);
  await withBlockTrace(t, device, async (trace) => {
    if (op === 'read') assert.equal((await file.readv(views, offset)).bytesRead, planned.bytes, what);
    else {
      assert.equal((await file.writev(views, offset)).bytesWritten, planned.bytes, what);
      // The ends, which lie in the page cache until then.
      await file.sync();
    }
    const direct = requests.filter(({ route }) => route === 'direct');
    const ends = requests.filter(({ route }) => route === 'end').map((end) => widened(requestRange(end), block));
    const expected = onDevice([...direct.map(requestRange), ...ends], extents);
    const issued = issuedFor(trace, op, extents);
    const moved = joined(issued.map(({ sector, bytes }) => ({ from: sector * 512, to: sector * 512 + bytes })));
    assert.deepEqual(moved, expected, `the bytes of the plan and no others: ${what}`);
    const total = expected.reduce((sum, { from, to }) => sum + to - from, 0);
    const fewest = Math.ceil(total / (queueLimit(device, 'max_sectors_kb') * 1024));
    const most = mostRequests(direct, extents, device) + ends.length;
    const shown = `${issued.length} device requests, the plan allows ${fewest} to ${most}: ${what}`;
    assert.ok(issued.length >= fewest && issued.length <= most, shown);
  });
}

/** A file whose every block is written, so that nothing is allocated meanwhile; and a hole in the second MiB. */
async function prepared(t: TestContext, file: File, region: Region): Promise<void> {
  await file.write(region.bytes.subarray(0, FILE_BYTES), 0, null, 0);
  await file.sync();
  const hole = spawnSync('fallocate', ['--punch-hole', '-o', '1M', '-l', '1M', `/proc/${process.pid}/fd/${file.fd}`]);
  if (hole.status !== 0) t.diagnostic('no hole: fallocate(1) could not punch it');
  await file.sync();
}

const FIXED: readonly (readonly [string, readonly Vector[]])[] = [
  ['1,024 scattered pages', apart(1024, PAGE_SIZE)],
  ['256 pairs of pages backwards', apart(256, 2 * PAGE_SIZE).reverse()],
  ['64 runs of 16 pages', apart(64, 16 * PAGE_SIZE)],
  ['one piece of 4 MiB', [{ at: 0, length: 4 * 1024 * 1024 }]],
  ['one piece that is odd in every way', [{ at: 3, length: 3 * 1024 * 1024 + 7 }]],
  ['1,024 pieces of 512 bytes', apart(1024, 512)],
];

for (const kind of ['ext4', 'xfs', 'xfs-4kn'] as const) {
  for (const engine of ['auto', 'threads'] as const) {
    test(`device requests: ${kind}, ${engine}`, async (t) => {
      if (!needs(t, 'filefrag') || !requireAddon(t)) return;
      await withFilesystem(t, kind, {}, async ({ directory, device }) => {
        assert.ok(device !== null);
        using region = new Region(ARENA_BYTES);
        const path = join(directory, 'file');
        await using file = await open(path, 'wx+', { engine });
        await prepared(t, file, region);
        const subject = { t, file, path, device, region };
        for (const [, vectors] of FIXED) {
          // Behind the hole: a write there would allocate, and the blocks that it gets are not in the plan.
          await checkRequests(subject, { op: 'write', offset: 3 * 1024 * 1024, vectors });
          await checkRequests(subject, { op: 'read', offset: 1024 * 1024 - 8192, vectors });
        }
        await withSeed((random) => randomRequests(subject, random));
      });
      assertNoLeaks();
    });
  }
}

async function randomRequests(subject: Subject, random: Random): Promise<void> {
  for (let i = 0; i < RANDOM_CALLS; i++) {
    const vectors = randomVectors(random).filter(({ length }) => length > 0);
    if (vectors.length === 0) continue;
    const at = random.below(1024 * 1024);
    const offset = at - (at % random.pick([1, 512, 4096, 4096]));
    await checkRequests(subject, { op: 'write', offset: offset + 3 * 1024 * 1024, vectors });
    await checkRequests(subject, { op: 'read', offset, vectors });
  }
}
