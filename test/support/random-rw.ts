// Random reads, writes and truncations of a file through the public API, against a byte array that cannot be wrong.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type File, type OpenOptions, open } from '../../src/index.js';
import { Random } from './random.js';
import { assertGuards, gather, iteratorOver, scatter, scatteredViews } from './scattered.js';

const CAPACITY_BYTES = 4 * 1024 * 1024;
const LENGTH_MAX_BYTES = 256 * 1024;

export interface RandomOptions extends OpenOptions {
  readonly rounds: number;
  readonly seed: number;
}

/** The file as it must be. */
class Model {
  readonly #bytes = new Uint8Array(CAPACITY_BYTES);
  size = 0;

  write(offset: number, source: Uint8Array): void {
    this.#bytes.set(source, offset);
    this.size = Math.max(this.size, offset + source.length);
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(Math.min(offset, this.size), Math.min(offset + length, this.size));
  }

  truncate(size: number): void {
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }
}

/** Lengths as they come in life: often small, often whole pages or near them, sometimes long. */
function randomLength(random: Random): number {
  switch (random.below(6)) {
    case 0:
      return random.between(1, 64);
    case 1:
      return random.between(1, 5000);
    case 2:
      return 512 * random.between(1, 24);
    case 3:
      return 4096 * random.between(1, 24);
    case 4:
      return Math.max(1, 4096 * random.between(1, 16) + random.between(-3, 3));
    default:
      return random.between(1, LENGTH_MAX_BYTES);
  }
}

function randomOffset(random: Random, limit: number): number {
  const offset = random.below(limit + 1);
  switch (random.below(4)) {
    case 0:
      return offset - (offset % 4096);
    case 1:
      return offset - (offset % 512);
    default:
      return offset;
  }
}

async function writeViews(random: Random, file: File, views: Uint8Array[], offset: number): Promise<number> {
  const [only] = views;
  if (views.length === 1 && only !== undefined && random.chance(2)) {
    return (await file.write(only, 0, only.length, offset)).bytesWritten;
  }
  if (random.chance(2)) return (await file.writev(views, offset)).bytesWritten;
  const iterator = iteratorOver(random, views);
  const { bytesWritten } = await file.write(iterator, { position: offset });
  assert.equal(iterator.count, 0, 'the iterator stands behind what was written');
  return bytesWritten;
}

async function readViews(random: Random, file: File, views: Uint8Array[], offset: number): Promise<number> {
  const [only] = views;
  if (views.length === 1 && only !== undefined && random.chance(2)) {
    return (await file.read(only, 0, only.length, offset)).bytesRead;
  }
  if (random.chance(2)) return (await file.readv(views, offset)).bytesRead;
  const iterator = iteratorOver(random, views);
  const before = iterator.count;
  const { bytesRead } = await file.read(iterator, { position: offset });
  assert.equal(iterator.count, before - bytesRead, 'the iterator stands behind what was read');
  return bytesRead;
}

async function randomWrite(random: Random, file: File, model: Model): Promise<void> {
  const length = randomLength(random);
  const offset = randomOffset(random, Math.min(model.size + 70_000, CAPACITY_BYTES - length));
  const source = new Uint8Array(length);
  random.fill(source);
  const views = scatteredViews(random, length);
  scatter(source, views);
  assert.equal(await writeViews(random, file, views, offset), length);
  assert.deepEqual(gather(views), source, 'writing leaves the memory as it was');
  model.write(offset, source);
}

async function randomRead(random: Random, file: File, model: Model): Promise<void> {
  const length = randomLength(random);
  const offset = randomOffset(random, model.size + 5000);
  const views = scatteredViews(random, length);
  const expected = model.read(offset, length);
  const bytesRead = await readViews(random, file, views, offset);
  assert.equal(bytesRead, expected.length, `bytes read of ${length} at ${offset}, file of ${model.size}`);
  assertSame(gather(views).subarray(0, bytesRead), expected, offset);
  assertGuards(views);
}

/** Neighbours in the same blocks, all in flight at once: none may undo another. */
async function neighbouringWrites(random: Random, file: File, model: Model): Promise<void> {
  let offset = randomOffset(random, Math.min(model.size, CAPACITY_BYTES - 8 * 20_000));
  const writes: Promise<number>[] = [];
  for (let i = random.between(2, 8); i > 0; i--) {
    const source = new Uint8Array(random.between(1, 20_000));
    random.fill(source);
    const views = scatteredViews(random, source.length);
    scatter(source, views);
    writes.push(writeViews(random, file, views, offset));
    model.write(offset, source);
    offset += source.length;
  }
  await Promise.all(writes);
}

async function randomTruncate(random: Random, file: File, model: Model): Promise<void> {
  const size = random.below(Math.min(model.size + 100_000, CAPACITY_BYTES));
  await file.truncate(size);
  model.truncate(size);
}

/** deepEqual on big arrays prints for minutes: the first byte that differs says more. */
function assertSame(actual: Uint8Array, expected: Uint8Array, offset: number): void {
  if (Buffer.compare(actual, expected) === 0) return;
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  assert.fail(
    `byte ${offset + at} is ${actual[at]}, must be ${expected[at]} (lengths ${actual.length}, ${expected.length})`,
  );
}

async function randomStep(random: Random, file: File, model: Model): Promise<void> {
  const choice = random.below(100);
  if (choice < 45) await randomRead(random, file, model);
  else if (choice < 88) await randomWrite(random, file, model);
  else if (choice < 94) await neighbouringWrites(random, file, model);
  else if (choice < 98) await randomTruncate(random, file, model);
  else if (choice < 99) await file.datasync();
  else assert.equal((await file.stat()).size, model.size);
}

/** Throws at the first difference. The file is new, and left for the caller to remove. */
export async function randomRounds(path: string, options: RandomOptions): Promise<void> {
  const { rounds, seed, ...openOptions } = options;
  const random = new Random(seed);
  const model = new Model();
  let file = await open(path, 'wx+', openOptions);
  try {
    for (let round = 0; round < rounds; round++) {
      try {
        await randomStep(random, file, model);
      } catch (error) {
        if (error instanceof Error) error.message += `\n(round ${round})`;
        throw error;
      }
      if (round % 500 === 499) {
        assertSame(readFileSync(path), model.read(0, CAPACITY_BYTES), 0);
        await file.close();
        file = await open(path, 'r+', openOptions);
      }
    }
    assertSame(readFileSync(path), model.read(0, CAPACITY_BYTES), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  assertSame(readFileSync(path), model.read(0, CAPACITY_BYTES), 0);
}
