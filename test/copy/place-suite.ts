// What copy() relies on in every place, as tests: local directories now, a server's files as well.
import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { toSettings } from '../../src/copy/options.js';
import type { Place } from '../../src/copy/place.js';
import { Source } from '../../src/copy/source.js';
import { open } from '../../src/index.js';
import { Random } from '../support/random.js';

export interface Standing {
  readonly place: Place;
  /** The place's own name of a file in the directory that is made for the test; '' is the directory. */
  readonly at: (name: string) => string;
  /** The same directory as node:fs sees it. */
  readonly directory: string;
}

export interface PlaceSubject {
  readonly name: string;
  /** Null: it cannot be had here, and the test is skipped. */
  stand(t: TestContext): Promise<Standing | null>;
}

const SETTINGS = toSettings({ requestBytes: 65536 });

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  return bytes;
}

async function sourceOf(t: TestContext, { place, at, directory }: Standing, bytes: Buffer): Promise<Source> {
  writeFileSync(join(directory, 'source'), bytes);
  const source = await Source.open({ place, name: at('source') }, SETTINGS);
  t.after(() => source.close());
  return source;
}

async function readBack({ place }: Standing, name: string, length: number): Promise<Buffer> {
  const file = await place.open(name, SETTINGS);
  try {
    const buffer = Buffer.alloc(length + 100);
    const { bytesRead } = await file.read(buffer, { position: 0 });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const TESTS: Readonly<Record<string, (t: TestContext, standing: Standing) => Promise<void>>> = {
  'a name that is not there': async (_t, { place, at }) => {
    await assert.rejects(place.stat(at('nothing')), { code: 'ENOENT' });
    await assert.rejects(place.open(at('nothing'), SETTINGS), { code: 'ENOENT' });
    const resolved = await place.resolve(at('nothing'), 'source');
    assert.equal(resolved.kind, 'regular');
    assert.equal(resolved.stats, null);
    assert.equal(resolved.path, at('nothing'));
  },

  'names with spaces, signs and letters of any kind': async (_t, standing) => {
    const { place, at, directory } = standing;
    for (const name of ['a b', '100%', 'ä#?&', '日本', "q'uote"]) {
      writeFileSync(join(directory, name), name);
      assert.equal((await place.stat(at(name))).size, Buffer.byteLength(name));
      assert.equal(place.baseName(at(name)), name);
      assert.equal(String(await readBack(standing, at(name), 100)), name);
    }
  },

  'a directory means the name inside it': async (_t, { place, at, directory }) => {
    mkdirSync(join(directory, 'inner', 'taken'), { recursive: true });
    const fresh = await place.resolve(at('inner'), 'a b');
    assert.equal(fresh.path, at('inner/a b'));
    assert.equal(fresh.stats, null);
    await assert.rejects(place.resolve(at('inner'), 'taken'), { code: 'EISDIR' });
  },

  'a link is followed to the name at its end, there or not': async (_t, { place, at, directory }) => {
    writeFileSync(join(directory, 'file'), 'bytes');
    symlinkSync('file', join(directory, 'link'));
    symlinkSync('to-be', join(directory, 'dangling'));
    symlinkSync('round', join(directory, 'round'));
    const there = await place.resolve(at('link'), 'source');
    assert.equal(there.path, at('file'));
    assert.equal(there.stats?.size, 5);
    const fresh = await place.resolve(at('dangling'), 'source');
    assert.equal(fresh.path, at('to-be'));
    assert.equal(fresh.stats, null);
    await assert.rejects(place.resolve(at('round'), 'source'), { code: 'ELOOP' });
  },

  'a source is opened for what it is': async (t, standing) => {
    const bytes = bytesOf(200_001);
    const source = await sourceOf(t, standing, bytes);
    assert.equal(source.size, bytes.length);
    const whole = Buffer.alloc(bytes.length + 10);
    assert.equal(await source.read(whole, 0), bytes.length);
    assert.ok(whole.subarray(0, bytes.length).equals(bytes));
    await source.assertUnchanged();
    // By the place itself: a server may take its time to see what is done to its disk behind its back.
    const file = await open(standing.at('source'), 'r+');
    await file.truncate(7);
    await file.close();
    await assert.rejects(source.assertUnchanged(), { code: 'ERR_DIORITE_SOURCE_CHANGED' });
  },

  'a directory is no source': async (_t, { place, at }) => {
    await assert.rejects(Source.open({ place, name: at('') }, SETTINGS), { code: 'EISDIR' });
  },

  'what is begun appears when it is published, whole': async (t, standing) => {
    const { place, at, directory } = standing;
    const bytes = bytesOf(150_000);
    const source = await sourceOf(t, standing, bytes);
    const begun = await place.begin(await place.resolve(at('new'), 'source'), source, SETTINGS);
    await begun.reserve(bytes.length, source.data.bind(source));
    await begun.write(bytes.subarray(0, 65536), 0);
    await begun.write(bytes.subarray(65536), 65536);
    await begun.settle(bytes.length, true);
    assert.equal(readdirSync(directory).includes('new'), false);
    assert.ok(begun.readBackPath !== null);
    assert.ok((await readBack(standing, begun.readBackPath, bytes.length)).equals(bytes));
    assert.equal(await begun.publish(), true);
    assert.ok(readFileSync(join(directory, 'new')).equals(bytes));
    assert.deepEqual(readdirSync(directory).toSorted(), ['new', 'source']);
  },

  'what was not written is a hole, and the size is right': async (t, standing) => {
    const { place, at, directory } = standing;
    const source = await sourceOf(t, standing, bytesOf(10));
    const begun = await place.begin(await place.resolve(at('new'), 'source'), source, SETTINGS);
    const bytes = bytesOf(4096);
    await begun.write(bytes, 1024 * 1024);
    await begun.settle(8 * 1024 * 1024, false);
    await begun.publish();
    const found = readFileSync(join(directory, 'new'));
    assert.equal(found.length, 8 * 1024 * 1024);
    assert.ok(found.subarray(1024 * 1024, 1024 * 1024 + 4096).equals(bytes));
    assert.ok(found.subarray(1024 * 1024 + 4096).every((byte) => byte === 0));
    assert.ok(statSync(join(directory, 'new')).blocks * 512 < 1024 * 1024);
  },

  'what is discarded leaves the old one, and nothing else': async (t, standing) => {
    const { place, at, directory } = standing;
    const source = await sourceOf(t, standing, bytesOf(10));
    writeFileSync(join(directory, 'old'), 'old bytes');
    const begun = await place.begin(await place.resolve(at('old'), 'source'), source, SETTINGS);
    await begun.write(bytesOf(100), 0);
    await begun.discard();
    await begun.discard();
    assert.deepEqual(readdirSync(directory).toSorted(), ['old', 'source']);
    assert.equal(readFileSync(join(directory, 'old'), 'utf8'), 'old bytes');
  },

  'what is replaced keeps its bits, and what is new gets those of the source': async (t, standing) => {
    const { place, at, directory } = standing;
    const source = await sourceOf(t, standing, bytesOf(10));
    writeFileSync(join(directory, 'old'), 'old bytes');
    chmodSync(join(directory, 'old'), 0o604);
    for (const name of ['old', 'new']) {
      const begun = await place.begin(await place.resolve(at(name), 'source'), source, SETTINGS);
      await begun.write(Buffer.from('bytes'), 0);
      await begun.settle(5, false);
      await begun.publish();
      assert.equal(readFileSync(join(directory, name), 'utf8'), 'bytes');
    }
    assert.equal(statSync(join(directory, 'old')).mode & 0o7777, 0o604);
    assert.equal(statSync(join(directory, 'new')).mode & 0o7777, source.stats.mode & 0o777 & ~process.umask());
  },

  'what appeared meanwhile is not replaced': async (t, standing) => {
    const { place, at, directory } = standing;
    const source = await sourceOf(t, standing, bytesOf(10));
    const begun = await place.begin(await place.resolve(at('new'), 'source'), source, SETTINGS);
    await begun.write(bytesOf(100), 0);
    await begun.settle(100, false);
    writeFileSync(join(directory, 'new'), 'somebody else');
    await assert.rejects(begun.publish(), { code: 'ERR_DIORITE_EXISTS' });
    await begun.discard();
    assert.equal(readFileSync(join(directory, 'new'), 'utf8'), 'somebody else');
    assert.deepEqual(readdirSync(directory).toSorted(), ['new', 'source']);
  },

  'two names of one thing have one identity, and no two things have': async (_t, { place, at, directory }) => {
    writeFileSync(join(directory, 'one'), '');
    linkSync(join(directory, 'one'), join(directory, 'linked'));
    writeFileSync(join(directory, 'other'), '');
    mkdirSync(join(directory, 'inner'));
    symlinkSync('.', join(directory, 'here'));
    const of = async (name: string): Promise<string> => place.identity(await place.resolve(at(name), 'source'));
    assert.equal(await of('one'), await of('linked'));
    assert.notEqual(await of('one'), await of('other'));
    assert.equal(await of('to-be'), await of('here/to-be'));
    assert.notEqual(await of('to-be'), await of('inner/to-be'));
    const one = await place.resolve(at('one'), 'source');
    assert.equal(await place.overlap(one, await place.resolve(at('linked'), 'source')), true);
    assert.equal(await place.overlap(one, await place.resolve(at('other'), 'source')), false);
  },
};

export function placeSuite(subject: PlaceSubject): void {
  for (const [name, body] of Object.entries(TESTS))
    test(`${subject.name}: ${name}`, async (t) => {
      const standing = await subject.stand(t);
      if (standing === null) return;
      t.after(() => standing.place.close());
      await body(t, standing);
    });
}
