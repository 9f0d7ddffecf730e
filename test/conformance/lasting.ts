// The contract of what lasts: durability, the ledger of a failed sync, holes, and publishing.
import assert from 'node:assert/strict';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Outcome } from '../../src/transfer/outcome.js';
import type { Target } from '../../src/transfer/target.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { assertSame, type Behaviour, pattern, type Store, type Subject, unless } from './subject.js';

function write(target: Target, offset: number, memory: Uint8Array, dsync = false): Promise<Outcome> {
  return startTransfer(target, IovIter.ubuf(memory), offset, memory.length, 'write', { dsync });
}

async function failureOf(promise: Promise<unknown>): Promise<DioriteError> {
  const error: unknown = await promise.then(
    () => assert.fail('it resolved'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DioriteError, String(error));
  return error;
}

async function storeOf(t: Parameters<Behaviour['run']>[0], subject: Subject, failing = false): Promise<Store> {
  assert.ok(subject.store !== undefined, 'what publishes has a store');
  return subject.store(t, { failing });
}

/** Begins, writes and publishes. */
async function publish({ publishing }: Store, name: string, bytes: Uint8Array): Promise<void> {
  const publication = await publishing.begin(name, { size: bytes.length });
  await write(publication.target, 0, bytes);
  await publication.publish();
}

export const LASTING: readonly Behaviour[] = [
  {
    name: 'a write is stable by the word of the target, or when it was asked to be',
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      const memory = pattern(20_000, 1);
      assert.equal(target.durable, subject.properties.durable);
      assert.equal((await write(target, 0, memory)).stable, target.durable === 'answer');
      assert.equal((await write(target, 20_000, memory, true)).stable, target.durable !== 'never');
      await target.close();
    },
  },
  {
    name: 'sync resolves, twice in a row, with and without metadata, with nothing and with something written',
    skip: unless('durable', 'sync', 'answer'),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      await target.sync();
      await write(target, 100, pattern(50_000, 1));
      await target.sync({ dataOnly: true });
      await target.sync();
      await target.close();
    },
  },
  {
    name: 'a target that cannot be made durable refuses to sync',
    skip: unless('durable', 'never'),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      await assert.rejects(target.sync(), { code: 'EINVAL' });
      await target.close();
    },
  },
  {
    name: 'a failed sync gives the ledger of what is then unknown: what was written since the last good one',
    skip: (properties) => unless('durable', 'sync')(properties) ?? unless('releases', 'answered')(properties),
    async run(t, subject) {
      const { target } = await subject.open(t, { fails: { on: 'sync', at: 2 } });
      await write(target, 0, pattern(8192, 1));
      await target.sync();
      await write(target, 8192, pattern(4096, 2));
      await write(target, 40_960, pattern(12_288, 3));
      const failure = await failureOf(target.sync());
      assert.equal(failure.code, 'EIO');
      assert.deepEqual(failure.extents, [
        { offset: 8192, length: 4096, state: 'unknown' },
        { offset: 40_960, length: 12_288, state: 'unknown' },
      ]);
      if (subject.properties.failedSync === 'poisons')
        assert.equal((await failureOf(target.sync())).code, 'ERR_DIORITE_POISONED');
      else await target.sync();
      await target.close();
    },
  },
  {
    name: 'the map of holes leaves out only what reads as zeros',
    skip: unless('holes', true),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      const { holes } = target;
      assert.ok(holes !== undefined);
      await write(target, 65_536, pattern(65_536, 1));
      await write(target, 400_000, pattern(1000, 2));
      const data: { offset: number; length: number }[] = [];
      for await (const range of holes.map(0, 500_000)) data.push(range);
      let at = 0;
      const memory = new Uint8Array(500_000);
      const { bytes } = await startTransfer(target, IovIter.ubuf(memory), 0, memory.length, 'read', {});
      for (const { offset, length } of [...data, { offset: bytes, length: 0 }]) {
        assert.ok(offset >= at && length >= 0, 'sorted, none overlaps another');
        assert.ok(
          memory.subarray(at, offset).every((byte) => byte === 0),
          'a hole reads as zeros',
        );
        at = offset + length;
      }
      await target.close();
    },
  },
  {
    name: 'a zeroed range reads as zeros, and what lies around it is as it was',
    skip: unless('holes', true),
    async run(t, subject) {
      const contents = pattern(300_000, 1);
      const { target, peek } = await subject.open(t, { contents });
      assert.match((await target.holes?.zero(100_000, 100_000)) ?? '', /^(punched|written)$/);
      contents.fill(0, 100_000, 200_000);
      assertSame(await peek(0, contents.length), contents, 'all of it');
      await target.close();
    },
  },
  {
    name: 'a target without a map of its holes says so',
    skip: unless('holes', false),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      assert.equal(target.holes, undefined);
      await target.close();
    },
  },
  {
    name: 'what is published appears at once, whole; until then its name is what it was',
    skip: unless('publishes', true),
    async run(t, subject) {
      const store = await storeOf(t, subject);
      assert.equal(store.publishing.cannotPublish, null);
      const [old, fresh] = [pattern(100_000, 1), pattern(50_000, 2)];
      const publication = await store.publishing.begin('name', {});
      await write(publication.target, 0, old);
      assert.equal(await store.look('name'), null);
      await publication.publish();
      assertSame((await store.look('name')) ?? new Uint8Array(0), old, 'the first');
      await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_CLOSED' });
      const next = await store.publishing.begin('name', {});
      await write(next.target, 0, fresh);
      assertSame((await store.look('name')) ?? new Uint8Array(0), old, 'still the first');
      await next.publish();
      assertSame((await store.look('name')) ?? new Uint8Array(0), fresh, 'the second');
    },
  },
  {
    name: 'what is discarded leaves nothing, and may be discarded again',
    skip: unless('publishes', true),
    async run(t, subject) {
      const store = await storeOf(t, subject);
      await publish(store, 'name', pattern(1000, 1));
      for (const name of ['name', 'other']) {
        const publication = await store.publishing.begin(name, {});
        await write(publication.target, 0, pattern(5000, 2));
        await publication.discard();
        await publication.discard();
        await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_CLOSED' });
      }
      assertSame((await store.look('name')) ?? new Uint8Array(0), pattern(1000, 1), 'as it was');
      assert.equal(await store.look('other'), null);
    },
  },
  {
    name: 'publishing that fails before the name changes leaves the old one, whole, and can be discarded',
    skip: unless('publishes', true),
    async run(t, subject) {
      const store = await storeOf(t, subject, true);
      await publish(store, 'name', pattern(1000, 1));
      const publication = await store.publishing.begin('name', {});
      await write(publication.target, 0, pattern(5000, 2));
      await assert.rejects(publication.publish(), { code: 'EIO' });
      assertSame((await store.look('name')) ?? new Uint8Array(0), pattern(1000, 1), 'as it was');
      await publication.discard();
      assertSame((await store.look('name')) ?? new Uint8Array(0), pattern(1000, 1), 'as it was');
    },
  },
  {
    name: 'where nothing can be published that is said plainly, and begin rejects with it',
    skip: (properties) => (properties.publishes ? 'publishes: true' : null),
    async run(t, subject) {
      if (subject.store === undefined) return t.skip('publishes: false');
      const { publishing } = await storeOf(t, subject);
      const { cannotPublish } = publishing;
      assert.ok(cannotPublish !== null && cannotPublish.length > 0);
      const error = await failureOf(publishing.begin('name', {}));
      assert.equal(error.code, 'ERR_DIORITE_UNSUPPORTED');
      assert.ok(error.message.includes(cannotPublish));
    },
  },
];
