// Random lists of entries through readMany and writeMany, in every shape of source, against a byte array.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type File, type ManyEntry, type OpenOptions, open } from '../../src/index.js';
import type { Random } from './random.js';
import { assertGuards, gather, scatter, scatteredViews } from './scattered.js';

const CAPACITY_BYTES = 512 * 1024;

interface Entry extends ManyEntry {
  readonly position: number;
  readonly bytes: number;
  readonly memory: Uint8Array[];
  readonly source: Uint8Array | null;
}

interface Taken {
  readonly index: number;
  readonly entry: Entry;
  readonly position: number;
  readonly error: Error | null;
}

class Model {
  readonly bytes = new Uint8Array(CAPACITY_BYTES);
  size = 0;

  write({ position, source }: Entry): void {
    if (source === null || source.length === 0) return;
    this.bytes.set(source, position);
    this.size = Math.max(this.size, position + source.length);
  }

  read({ position, bytes }: Entry): Uint8Array {
    return this.bytes.subarray(Math.min(position, this.size), Math.min(position + bytes, this.size));
  }
}

/** Neighbours, near neighbours and repetitions are common, as is a place anywhere. */
function randomEntries(random: Random, writes: boolean): Entry[] {
  const entries: Entry[] = [];
  const unit = random.pick([1, 100, 512, 4096]);
  let at = random.below(CAPACITY_BYTES / 2);
  if (unit >= 512) at -= at % unit;
  for (let i = random.between(1, 60); i > 0; i--) {
    const bytes = random.chance(20) ? 0 : unit * random.between(1, unit < 512 ? 40 : 6);
    if (at + bytes > CAPACITY_BYTES || random.chance(8)) at = random.below((CAPACITY_BYTES - 64 * 4096) / unit) * unit;
    const source = writes ? new Uint8Array(bytes) : null;
    if (source !== null) random.fill(source);
    const memory = scatteredViews(random, bytes);
    if (source !== null) scatter(source, memory);
    entries.push({ position: at, bytes, memory, source });
    if (random.chance(writes ? 15 : 8)) at = Math.max(0, at - unit * random.below(8));
    else at += bytes + (random.chance(3) ? unit * random.below(5) : 0);
  }
  // Shuffled in part: what lies behind may come first. Writes that overlap are then in another order, and it is theirs.
  for (let i = entries.length - 1; i > 0; i--) {
    const j = random.chance(2) ? random.below(i + 1) : i;
    [entries[i], entries[j]] = [entries[j] as Entry, entries[i] as Entry];
  }
  return entries;
}

async function* dribble(random: Random, entries: readonly Entry[]): AsyncGenerator<Entry> {
  for (const entry of entries) {
    if (random.chance(6)) await new Promise((resolve) => setImmediate(resolve));
    yield entry;
  }
}

function* each(entries: readonly Entry[]): Generator<Entry> {
  yield* entries;
}

function sourceOf(random: Random, entries: readonly Entry[]): Iterable<Entry> | AsyncIterable<Entry> {
  const kind = random.below(3);
  return kind === 0 ? entries : kind === 1 ? each(entries) : dribble(random, entries);
}

async function answersOf<A extends Taken>(
  random: Random,
  many: AsyncIterable<A> & { all(): Promise<A[]> },
): Promise<A[]> {
  if (random.chance(2)) return many.all();
  const answers: A[] = [];
  for await (const answer of many) answers.push(answer);
  return answers.sort((a, b) => a.index - b.index);
}

function optionsOf(random: Random): {
  depth?: number;
  windowEntries?: number;
  windowBytes?: number;
  bytesInFlight?: number;
} {
  return {
    ...(random.chance(2) ? {} : { depth: random.between(1, 8) }),
    ...(random.chance(2) ? {} : { windowEntries: random.between(1, 30) }),
    ...(random.chance(4) ? { windowBytes: random.between(1, 50_000) } : {}),
    ...(random.chance(4) ? { bytesInFlight: random.between(1, 100_000) } : {}),
  };
}

async function writeRound(random: Random, file: File, model: Model): Promise<void> {
  const entries = randomEntries(random, true);
  const answers = await answersOf(random, file.writeMany(sourceOf(random, entries), optionsOf(random)));
  assert.equal(answers.length, entries.length);
  for (const [i, { index, entry, error, bytesWritten }] of answers.entries()) {
    assert.equal(error, null);
    assert.equal(index, i);
    assert.equal(entry, entries[i]);
    assert.equal(bytesWritten, entry.bytes);
    assert.deepEqual(gather(entry.memory), entry.source, 'writing leaves the memory as it was');
    model.write(entry);
  }
}

async function readRound(random: Random, file: File, model: Model): Promise<void> {
  const entries = randomEntries(random, false);
  const gapBytes = random.pick([0, 1, 500, 4096, 40_000]);
  const many = file.readMany(sourceOf(random, entries), { ...optionsOf(random), gapBytes });
  const answers = await answersOf(random, many);
  assert.equal(answers.length, entries.length);
  assert.ok(many.transfers <= entries.length);
  for (const [i, { index, entry, error, bytesRead }] of answers.entries()) {
    assert.equal(error, null);
    assert.equal(index, i);
    const expected = model.read(entry);
    assert.equal(bytesRead, expected.length, `${entry.bytes} at ${entry.position} of ${model.size}`);
    const actual = gather(entry.memory).subarray(0, bytesRead);
    assert.ok(Buffer.compare(actual, expected) === 0, `the bytes of ${entry.bytes} at ${entry.position}`);
    assertGuards(entry.memory);
  }
}

/** Throws at the first difference. The file is new, and left for the caller to remove. */
export async function manyRounds(
  path: string,
  random: Random,
  rounds: number,
  options: OpenOptions = {},
): Promise<void> {
  const model = new Model();
  await using file = await open(path, 'wx+', options);
  for (let round = 0; round < rounds; round++) {
    if (random.chance(2)) await writeRound(random, file, model);
    else await readRound(random, file, model);
  }
  const bytes = readFileSync(path);
  assert.equal(bytes.length, model.size);
  assert.ok(Buffer.compare(bytes, model.bytes.subarray(0, model.size)) === 0, 'the file is as the byte array');
}
