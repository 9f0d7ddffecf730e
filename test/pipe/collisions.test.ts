// xfstests generic/095: nine kinds of fio jobs, direct and not, on two files, while diorite splices and does direct I/O
// on the same files: no hang, no error but those that the kernel allows, and what diorite alone writes is whole.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { type File, open } from '../../src/index.js';
import type { FileTarget } from '../../src/targets/file/file-target.js';
import { moveFileToPipe, movePipeToFile } from '../../src/targets/pipe/splice.js';
import { hasAddon, needs } from '../support/needs.js';
import { type Random, withSeed } from '../support/random.js';
import { type Filesystem, withFilesystem } from '../support/root-harness.js';
import { fileOf, streamOver } from './movers.js';
import { patternBytes, TestPipe } from './pipes.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const RUN_MS = 20_000;
/** Each of fio's two files; diorite's own extent lies behind it, in the same file. */
const FIO_BYTES = 512 * KIB;
const OWN_BYTES = MIB;

/**
 * What direct I/O may meet where others go through the cache: a delayed allocation (EIO: "Direct I/O collision"), or
 * pages that somebody has just dirtied.
 */
const ALLOWED = new Set(['EIO', 'EAGAIN']);

/** The job file of generic/095, repeated until the time is over. `blockBytes` is the least direct I/O. */
function jobs(directory: string, blockBytes: number): string {
  const kinds = [
    ['sync', 1, 'randread', blockBytes],
    ['libaio', 1, 'randwrite', 8 * KIB],
    ['posixaio', 1, 'randwrite', blockBytes],
    ['splice', 1, 'randwrite', 8 * KIB],
    ['sync', 0, 'randread', KIB],
    ['posixaio', 0, 'randwrite', 8 * KIB],
    ['splice', 0, 'randwrite', 8 * KIB],
    ['mmap', 0, 'randwrite', KIB],
    ['mmap', 1, 'randwrite', 4 * KIB],
  ] as const;
  const common = `[global]
bs=8k
iodepth=16
iodepth_batch=8
randrepeat=1
size=1m
directory=${directory}
filename=file1:file2
numjobs=5
ignore_error=,EIO
time_based
runtime=${RUN_MS / 1000 - 4}
thinktime=500
`;
  const one = ([engine, direct, rw, bs]: (typeof kinds)[number], i: number): string =>
    `[job${i + 1}]\nioengine=${engine}\ndirect=${direct}\nrw=${rw}\nbs=${bs}\n`;
  return common + kinds.map(one).join('');
}

/** fio's exit code; it is killed where it does not end. */
function fio(t: TestContext, jobFile: string): Promise<number | null> {
  const child = spawn('fio', [jobFile, '--minimal'], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => void child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

/** A collision is no failure: what it left is written again by the next round. */
async function tolerating(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof DioriteError && ALLOWED.has(error.code)) return false;
    throw error;
  }
}

class Rounds {
  collisions = 0;
  rounds = 0;
  readonly #t: TestContext;
  readonly #random: Random;
  readonly #target: FileTarget;
  readonly #file: File;

  constructor(t: TestContext, random: Random, target: FileTarget, file: File) {
    this.#t = t;
    this.#random = random;
    this.#target = target;
    this.#file = file;
  }

  async runUntil(ended: () => boolean): Promise<void> {
    while (!ended()) {
      this.rounds++;
      const own = patternBytes(OWN_BYTES, this.#random.below(256));
      const written = await tolerating(() => this.#random.pick([this.#splice, this.#write])(own));
      const shared = await tolerating(() =>
        this.#random.pick([this.#readShared, this.#writeShared, this.#spliceShared])(),
      );
      if (!written || !shared) this.collisions++;
      if (written) await this.#check(own);
    }
  }

  readonly #splice = async (own: Buffer): Promise<void> => {
    const pipe = new TestPipe(this.#t, MIB);
    pipe.put(own);
    pipe.close('writes');
    const source = streamOver(this.#t, pipe.reads);
    const moved = await movePipeToFile({ source, target: this.#target, offset: FIO_BYTES });
    assert.equal(moved.bytes, OWN_BYTES);
    await source.close();
    pipe.close('reads');
  };

  readonly #write = async (own: Buffer): Promise<void> => {
    await this.#file.write(own, { position: FIO_BYTES });
  };

  /** Nobody else writes there: whatever others do before it, it is what was written last. */
  async #check(own: Buffer): Promise<void> {
    const got = Buffer.alloc(OWN_BYTES);
    await this.#file.read(got, { position: FIO_BYTES });
    assert.ok(got.equals(own), 'what diorite alone writes is whole');
    const spliced = await this.#spliceOut(FIO_BYTES, OWN_BYTES);
    assert.ok(spliced.equals(own), 'by splice as well');
  }

  readonly #readShared = async (): Promise<void> => {
    const length = this.#random.between(1, FIO_BYTES);
    await this.#file.read(Buffer.alloc(length), { position: this.#random.below(FIO_BYTES) });
  };

  readonly #writeShared = async (): Promise<void> => {
    const position = 4096 * this.#random.below(FIO_BYTES / 4096 - 16);
    await this.#file.write(patternBytes(16 * 4096, 3), { position });
  };

  readonly #spliceShared = async (): Promise<void> => {
    const offset = this.#random.below(FIO_BYTES);
    await this.#spliceOut(offset, FIO_BYTES - offset);
  };

  async #spliceOut(offset: number, bytes: number): Promise<Buffer> {
    const pipe = new TestPipe(this.#t, MIB);
    const sink = streamOver(this.#t, pipe.writes);
    const got: Buffer[] = [];
    await moveFileToPipe({ target: this.#target, offset, bytes, sink, onProgress: () => void got.push(pipe.drain()) });
    await sink.close();
    pipe.close('reads');
    pipe.close('writes');
    return Buffer.concat(got);
  }
}

async function collide(t: TestContext, filesystem: Filesystem): Promise<void> {
  const { directory } = filesystem;
  const paths = ['file1', 'file2'].map((name) => join(directory, name));
  const targets = await Promise.all(
    paths.map((path) => fileOf(t, path, Buffer.concat([Buffer.alloc(FIO_BYTES), patternBytes(OWN_BYTES)]))),
  );
  const files = await Promise.all(paths.map((path) => open(path, 'r+')));
  const [first] = targets;
  assert.ok(first !== undefined);
  const jobFile = join(directory, 'jobs.fio');
  writeFileSync(jobFile, jobs(directory, first.facts.writeAlignment.value));
  await withSeed(async (random) => {
    let ended = false;
    const running = fio(t, jobFile).finally(() => {
      ended = true;
    });
    const rounds = targets.map((target, i) => {
      const file = files[i];
      assert.ok(file !== undefined);
      return new Rounds(t, random, target, file);
    });
    const [code] = await Promise.all([running, ...rounds.map((each) => each.runUntil(() => ended))]);
    assert.equal(code, 0, 'fio met no error but EIO, and no hang');
    for (const { rounds: done, collisions } of rounds) {
      t.diagnostic(`${done} rounds, ${collisions} collisions that the kernel allows`);
      assert.ok(done > collisions, 'most of it goes through');
    }
  });
  // Closing may tell of an end that collided with somebody else’s pages.
  for (const closing of [...files, ...targets]) await tolerating(() => closing.close());
}

describe('the jobs of generic/095 beside splices and direct I/O', { skip: !hasAddon() }, () => {
  for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
    it(kind, { timeout: 6 * RUN_MS }, async (t) => {
      if (!needs(t, 'fio')) return;
      await withFilesystem(t, kind, {}, (filesystem) => collide(t, filesystem));
    });
  }
});
