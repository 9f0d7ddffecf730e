// readMany and writeMany against byte arrays: each entry answered by itself, few requests, order, faults, abort.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { type File, type ManyEntry, open, type ReadAnswer } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory/region.js';
import { Op, type Operation } from '../../src/targets/file/engines/engine.js';
import { runJson } from '../support/children.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { manyRounds } from '../support/many-rounds.js';
import { requireAddon } from '../support/needs.js';
import { checkExtents } from '../support/oracle.js';
import { withSeed } from '../support/random.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const fresh = (): string => join(directory, `file-${files++}`);

const EIO = -5;
const ENGINES = ['uring', 'threads'] as const;

function fileOf(bytes: number): { readonly path: string; readonly data: Buffer } {
  const path = fresh();
  const data = randomBytes(bytes);
  writeFileSync(path, data);
  return { path, data };
}

function page(position: number, bytes = 4096): { position: number; memory: Buffer } {
  return { position, memory: Buffer.alloc(bytes) };
}

function written(position: number, value: number, bytes = 4096): { position: number; memory: Buffer } {
  return { position, memory: Buffer.alloc(bytes, value) };
}

async function rejection(promise: Promise<unknown>): Promise<DioriteError> {
  try {
    await promise;
  } catch (error) {
    return error as DioriteError;
  }
  throw new assert.AssertionError({ message: 'it did not reject' });
}

/** The operation's answer waits for the call of what is returned. */
function holdAnswer(operation: Operation): () => void {
  const complete = operation.complete.bind(operation);
  let answer: number | null = null;
  let released = false;
  operation.complete = (result) => {
    operation.complete = complete;
    if (released) complete(result);
    else answer = result;
  };
  return () => {
    released = true;
    if (answer !== null) complete(answer);
  };
}

/** The n-th and later turns of the event loop from now. */
function turns(n: number): Promise<void> {
  return new Promise((resolve) => {
    const step = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(step, left - 1);
    };
    step(n);
  });
}

describe('random entries, against a byte array', () => {
  for (const engine of ENGINES) {
    for (const io of ['prefer-direct', 'buffered'] as const) {
      it(`${engine}, ${io}`, async (t) => {
        if (!requireAddon(t)) return;
        await withSeed((random) => manyRounds(fresh(), random, 60, { engine, io }));
        assertNoLeaks();
      });
    }
  }

  it('without the addon', async () => {
    await withSeed(async (_, seed) => {
      const script = new URL('children/many.js', import.meta.url);
      await runJson(script, { args: [fresh(), '25', String(seed)], env: { DIORITE_ADDON: 'off' } });
    });
  });
});

describe('merging', () => {
  it('neighbours given in any order are one request, and each is answered', async () => {
    const { path, data } = fileOf(1024 * 1024);
    await using file = await open(path, 'r');
    const entries = Array.from({ length: 256 }, (_, i) => page(((i * 37) % 256) * 4096));
    const many = file.readMany(entries);
    const answers = await many.all();
    assert.equal(many.requests, 1);
    assert.equal(many.transfers, 1);
    for (const [i, { index, entry, position, memory, bytesRead, error }] of answers.entries()) {
      assert.equal(index, i);
      assert.equal(entry, entries[i]);
      assert.equal(error, null);
      assert.equal(bytesRead, 4096);
      assert.ok(data.subarray(position, position + 4096).equals(memory));
    }
  });

  it('near neighbours within gapBytes are, and those farther apart are not', async () => {
    const { path, data } = fileOf(1024 * 1024);
    await using file = await open(path, 'r');
    const positions = [0, 8192, 16384, 28672 + 4096]; // gaps of 4,096, 4,096 and 12,288
    for (const [gapBytes, transfers, dropped] of [
      [0, 4, 0],
      [4095, 4, 0],
      [4096, 2, 8192],
      [12288, 1, 20480],
    ] as const) {
      const entries = positions.map((position) => page(position));
      const many = file.readMany(entries, { gapBytes });
      await many.all();
      assert.deepEqual([many.transfers, many.requests, many.gapBytes], [transfers, transfers, dropped]);
      for (const { position, memory } of entries)
        assert.ok(data.subarray(position, position + 4096).equals(memory), `${position} with gaps of ${gapBytes}`);
    }
    assert.equal(file.readMany([]).gapBytes, 0);
  });

  it('small pieces that follow each other are written without unaligned ends between them', async () => {
    const path = fresh();
    const data = randomBytes(300_000);
    await using file = await open(path, 'w+');
    const entries = Array.from({ length: 3000 }, (_, i) => ({
      position: i * 100,
      memory: data.subarray(i * 100, i * 100 + 100),
    }));
    const many = file.writeMany(entries);
    await many.all();
    assert.ok(many.requests <= 2, `${many.requests} requests`);
    if (file.target.ioMode('write') === 'direct') assert.equal(many.bufferedBytes, 300_000 % 4096);
    assert.ok(readFileSync(path).equals(data));
  });

  it('a read is short only at the end of the data; behind it there is nothing', async () => {
    const { path, data } = fileOf(10_000);
    await using file = await open(path, 'r');
    const entries = [page(12_288), page(4096), page(8192), page(9999, 10), page(10_000, 10), page(0, 0)];
    const answers = await file.readMany(entries).all();
    assert.deepEqual(
      answers.map(({ bytesRead }) => bytesRead),
      [0, 4096, 10_000 - 8192, 1, 0, 0],
    );
    assert.ok(data.subarray(8192).equals(entries[2]?.memory.subarray(0, 10_000 - 8192) ?? Buffer.alloc(0)));
  });

  it('arrays of views and iterators are entries, too; an iterator moves by what was done', async () => {
    const { path, data } = fileOf(20_000);
    await using file = await open(path, 'r');
    const views = [Buffer.alloc(100), Buffer.alloc(0), Buffer.alloc(50)];
    const rest = Buffer.alloc(9000);
    const iterator = IovIter.ubuf(rest);
    iterator.advance(1000);
    await file
      .readMany([
        { position: 7n, memory: views },
        { position: 15_000, memory: iterator },
      ])
      .all();
    assert.ok(data.subarray(7, 157).equals(Buffer.concat(views)));
    assert.ok(data.subarray(15_000).equals(rest.subarray(1000, 6000)));
    assert.equal(iterator.count, 3000);
  });
});

describe('writes that overlap keep their order', () => {
  it('in one list, however they overlap: the last one wins', async () => {
    const path = fresh();
    await using file = await open(path, 'w+');
    const entries = [
      written(0, 1, 16384),
      written(4096, 2),
      written(0, 3, 6000),
      written(12288, 4, 8192),
      written(5999, 5, 1),
      written(5999, 6, 1),
    ];
    const expected = Buffer.alloc(20480);
    for (const { position, memory } of entries) memory.copy(expected, position);
    await file.writeMany(entries).all();
    assert.ok(readFileSync(path).equals(expected));
  });

  it('the later one waits although the earlier one is still in flight', async () => {
    let release: (() => void) | null = null;
    const seen: number[] = [];
    const file = await openFaulty(fresh(), {
      judge: (operation) => {
        if (operation.op !== Op.WRITE) return undefined;
        seen.push(operation.offset);
        if (seen.length === 1) release = holdAnswer(operation);
        return undefined;
      },
    });
    const list = [written(0, 1), written(0, 2), written(65536, 3)];
    const answers = file.writeMany(list, { depth: 8 });
    const first = answers.next();
    await turns(10);
    assert.deepEqual(seen, [0], 'nothing overtakes it');
    assert.ok(release !== null);
    (release as () => void)();
    assert.equal((await first).value?.index, 0);
    for await (const { error } of answers) assert.equal(error, null);
    assert.deepEqual(seen.slice(1).sort(), [0, 65536]);
    await file.close();
  });
});

describe('sources', () => {
  it('what has been collected goes out when the source has nothing ready', async () => {
    const { path } = fileOf(1024 * 1024);
    await using file = await open(path, 'r');
    let go: () => void = () => {};
    async function* dribble(): AsyncGenerator<ManyEntry> {
      for (let i = 0; i < 10; i++) yield page(i * 4096);
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      for (let i = 10; i < 15; i++) yield page(i * 4096);
    }
    const many = file.readMany(dribble());
    for (let i = 0; i < 10; i++) assert.equal((await many.next()).done, false);
    assert.equal(many.transfers, 1, 'ten that were ready together are one request');
    go();
    let more = 0;
    for await (const { error } of many) {
      assert.equal(error, null);
      more++;
    }
    assert.equal(more, 5);
    assert.equal(many.transfers, 2);
  });

  it('is asked for no more than the window while nobody takes answers', async () => {
    const { path } = fileOf(65536);
    await using file = await open(path, 'r');
    for (const isAsync of [false, true]) {
      let taken = 0;
      const list = function* (): Generator<ManyEntry> {
        for (;;) {
          taken++;
          yield page((taken % 16) * 4096);
        }
      };
      const source = isAsync
        ? (async function* (): AsyncGenerator<ManyEntry> {
            yield* list();
          })()
        : list();
      const many = file.readMany(source, { windowEntries: 20 });
      await many.next();
      await turns(20);
      assert.ok(taken >= 10 && taken <= 22, `${taken} taken`);
      for (let i = 0; i < 100; i++) await many.next();
      await turns(20);
      assert.ok(taken >= 101 && taken <= 122, `${taken} taken`);
      await many.return();
    }
    const big = file.readMany([page(0, 65536), page(0, 65536), page(0, 65536)], { windowBytes: 4096 });
    assert.equal((await big.all()).length, 3, 'one entry may always be taken');
  });

  it('depth and bytes in flight are bounded', async () => {
    let inFlight = 0;
    let most = 0;
    let mostBytes = 0;
    let bytes = 0;
    const file = await openFaulty(fresh(), {
      judge: (operation) => {
        if (operation.op !== Op.WRITE) return undefined;
        inFlight++;
        bytes += operation.length;
        most = Math.max(most, inFlight);
        mostBytes = Math.max(mostBytes, bytes);
        const { complete, length } = operation;
        operation.complete = (result) => {
          inFlight--;
          bytes -= length;
          operation.complete = complete;
          complete.call(operation, result);
        };
        return undefined;
      },
    });
    const list = Array.from({ length: 100 }, (_, i) => written(i * 65536, i));
    await file.writeMany(list, { depth: 3 }).all();
    assert.equal(most, 3);
    mostBytes = 0;
    await file.writeMany(list, { bytesInFlight: 10_000, depth: 50 }).all();
    assert.ok(mostBytes <= 10_000, `${mostBytes} bytes`);
    await file.close();
  });

  it('an error of the source, or what is no entry, ends it after everything before it is answered', async () => {
    const { path } = fileOf(65536);
    await using file = await open(path, 'r');
    const broken = new Error('the source broke');
    const bad = { position: -1, memory: Buffer.alloc(1) };
    const sources: [string, Iterable<ManyEntry> | AsyncIterable<ManyEntry>, string][] = [
      ['list', [page(0), page(8192), bad], 'ERR_OUT_OF_RANGE'],
      ['no entry', [page(0), page(8192), 7 as never], 'ERR_INVALID_ARG_TYPE'],
      ['memory', [page(0), page(8192), { position: 0, memory: 'text' as never }], 'ERR_INVALID_ARG_TYPE'],
      [
        'async',
        (async function* () {
          yield page(0);
          yield page(8192);
          throw broken;
        })(),
        '',
      ],
      [
        'sync',
        (function* () {
          yield page(0);
          yield page(8192);
          throw broken;
        })(),
        '',
      ],
    ];
    for (const [name, source, code] of sources) {
      const many = file.readMany(source);
      const answers: ReadAnswer[] = [];
      const error = await rejection(
        (async () => {
          for await (const answer of many) answers.push(answer);
        })(),
      );
      if (code === '') assert.equal(error, broken);
      else assert.equal(error.code, code, name);
      assert.equal(answers.length, 2, name);
      assert.deepEqual(await many.next(), { value: undefined, done: true });
    }
    assert.throws(() => file.readMany('entries' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => file.readMany([], { gap: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => file.readMany([], { depth: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => file.writeMany([], { gapBytes: 1 } as never), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('nothing begins before somebody takes answers, and they can be taken once', async () => {
    const { path } = fileOf(4096);
    await using file = await open(path, 'r');
    let asked = false;
    const many = file.readMany(
      (function* () {
        asked = true;
        yield page(0);
      })(),
    );
    await turns(3);
    assert.equal(asked, false);
    await many.all();
    assert.equal((await rejection(many.all())).code, 'ERR_DIORITE_CLOSED');
  });
});

describe('leaving early', () => {
  it('waits for what is in flight, sends nothing more, and lets the source clean up', async () => {
    const { path } = fileOf(1024 * 1024);
    await using file = await open(path, 'r');
    for (const isAsync of [false, true]) {
      let cleaned = false;
      const memory: Buffer[] = [];
      const list = function* (): Generator<ManyEntry> {
        try {
          for (let i = 0; i < 100; i++) {
            const entry = page((i % 100) * 8192);
            memory.push(entry.memory);
            yield entry;
          }
        } finally {
          cleaned = true;
        }
      };
      const source = isAsync
        ? (async function* () {
            yield* list();
          })()
        : list();
      for await (const { index } of file.readMany(source, { windowEntries: 10, gapBytes: 0, depth: 4 }))
        if (index >= 0) break;
      assert.ok(cleaned);
      assert.ok(memory.length <= 16, `${memory.length} entries were taken`);
      for (const view of memory) view.fill(0);
      await turns(20);
      assert.ok(
        memory.every((view) => view.every((byte) => byte === 0)),
        'nobody writes to the memory any more',
      );
    }
  });

  it('does not wait for a source that gives nothing', async () => {
    const { path } = fileOf(4096);
    await using file = await open(path, 'r');
    async function* stuck(): AsyncGenerator<ManyEntry> {
      yield page(0);
      await new Promise(() => {});
    }
    for await (const { error } of file.readMany(stuck())) {
      assert.equal(error, null);
      break;
    }
  });
});

describe('faults', () => {
  it('an entry that fails fails no other: each error has the ledger of its own entry', async () => {
    const path = fresh();
    // The device is bad at one block: whatever request covers it fails.
    const bad = 5 * 4096;
    const file = await openFaulty(path, {
      judge: ({ op, offset, length }) =>
        (op === Op.WRITE || op === Op.READ) && offset <= bad && bad < offset + length ? { result: EIO } : undefined,
    });
    const list = Array.from({ length: 16 }, (_, i) => written(i * 4096, i + 1));
    const many = file.writeMany(list);
    const answers = await many.allSettled();
    assert.equal(answers.length, 16);
    for (const { index, error, bytesWritten } of answers) {
      if (index !== 5) {
        assert.equal(error, null);
        assert.equal(bytesWritten, 4096);
        continue;
      }
      const { code, offset, length, bytes, extents } = error as DioriteError;
      assert.deepEqual({ code, offset, length, bytes }, { code: 'EIO', offset: bad, length: 4096, bytes: 0 });
      assert.deepEqual(extents, [{ offset: bad, length: 4096, state: 'unknown' }]);
    }
    assert.equal((await rejection(file.writeMany(list).all())).code, 'EIO');
    const reads = await file.readMany(Array.from({ length: 16 }, (_, i) => page(i * 4096))).allSettled();
    for (const { index, error, memory } of reads) {
      if (index === 5) assert.equal((error as DioriteError).code, 'EIO');
      else assert.ok(error === null && (memory as Buffer).every((byte) => byte === index + 1));
    }
    await file.close();
    assertNoLeaks();
  });

  it('fails the n-th operation, for each n: every entry is answered once, and what is said to be done is there', async () => {
    for (let n = 1; ; n++) {
      let operations = 0;
      const path = fresh();
      const file = await openFaulty(path, {
        judge: ({ op }) => (op === Op.WRITE && ++operations === n ? { result: EIO } : undefined),
      });
      const list = Array.from({ length: 12 }, (_, i) => written((i >> 1) * 12_000 + (i % 2) * 5000, i + 1, 5000));
      const answers = await file.writeMany(list, { depth: 2 }).allSettled();
      await file.sync();
      await file.close();
      const bytes = readFileSync(path);
      assert.deepEqual(
        answers.map(({ index }) => index),
        list.map((_, i) => i),
      );
      for (const { error, position, memory } of answers) {
        if (error === null) continue;
        const { extents = [] } = error as DioriteError;
        checkExtents(extents, position, 5000);
        for (const { offset, length, state } of extents) {
          const piece = bytes.subarray(offset, offset + length);
          if (state === 'done') assert.ok(piece.every((byte) => byte === memory[0]));
        }
      }
      const expected = Buffer.alloc(bytes.length);
      for (const { position, memory } of list) memory.copy(expected, position);
      if (answers.every(({ error }) => error === null)) assert.ok(bytes.equals(expected), `operation ${n}`);
      if (operations < n) break;
    }
    assertNoLeaks();
  });

  it('memory that is gone fails its own entry', async () => {
    const { path, data } = fileOf(65536);
    await using file = await open(path, 'r');
    const gone = page(4096);
    const detached = { position: 4096, memory: new Uint8Array(4096) };
    function* list(): Generator<ManyEntry> {
      yield page(0);
      yield detached;
      yield gone;
      structuredClone(detached.memory, { transfer: [detached.memory.buffer] });
    }
    const [first, second, third] = await file.readMany(list()).allSettled();
    assert.equal(first?.error, null);
    assert.equal((second?.error as DioriteError | null)?.code, 'ERR_DIORITE_DETACHED');
    assert.equal(third?.error, null);
    assert.ok(data.subarray(4096, 8192).equals(gone.memory));
  });

  it('after close each entry that was not sent is answered so', async () => {
    const { path } = fileOf(1024 * 1024);
    const file = await open(path, 'r');
    const list = Array.from({ length: 100 }, (_, i) => page(i * 8192));
    const many = file.readMany(list, { gapBytes: 0, depth: 4, windowEntries: 8 });
    await many.next();
    await file.close();
    const codes = new Set<string>();
    let answers = 1;
    for await (const { error } of many) {
      answers++;
      if (error !== null) codes.add((error as DioriteError).code);
    }
    assert.equal(answers, 100);
    assert.deepEqual([...codes], ['EBADF']);
    assert.throws(() => file.readMany([]), { code: 'EBADF' });
  });
});

describe('abort', () => {
  for (const how of ['before', 'during'] as const) {
    it(`${how}: every entry that was taken is answered, then the iteration rejects`, async () => {
      const { path } = fileOf(1024 * 1024);
      await using file = await open(path, 'r');
      const controller = new AbortController();
      if (how === 'before') controller.abort(new Error('enough'));
      let taken = 0;
      function* list(): Generator<ManyEntry> {
        for (; taken < 1000; ) yield page((taken++ % 100) * 8192);
      }
      const options = { signal: controller.signal, windowEntries: 64, gapBytes: 0, depth: 4 };
      const seen = new Set<number>();
      const error = await rejection(
        (async () => {
          for await (const { index, error: own, position } of file.readMany(list(), options)) {
            seen.add(index);
            controller.abort(new Error('enough'));
            if (own === null) continue;
            const { name, extents } = own as DioriteError;
            assert.equal(name, 'AbortError');
            assert.deepEqual(extents, [{ offset: position, length: 4096, state: 'failed' }]);
          }
        })(),
      );
      assert.equal(error.name, 'AbortError');
      assert.equal((error.cause as Error).message, 'enough');
      assert.equal(seen.size, how === 'before' ? 0 : taken);
      assert.ok(taken < 200);
    });
  }

  it('stops what is large between its requests, and tells how far it came', async () => {
    const MIB = 1024 * 1024;
    const controller = new AbortController();
    const file = await openFaulty(fresh(), {
      judge: ({ op }) => {
        if (op === Op.WRITE) process.nextTick(() => controller.abort());
        return undefined;
      },
    });
    const memory = new Region(16 * MIB).bytes;
    const many = file.writeMany([{ position: 0, memory }], { signal: controller.signal, depth: 1 });
    const { value } = await many.next();
    const { name, bytes, extents } = value?.error as DioriteError;
    assert.equal(name, 'AbortError');
    assert.ok(bytes !== undefined && bytes > 0 && bytes < 16 * MIB);
    assert.equal(value?.bytesWritten, bytes);
    checkExtents(extents ?? [], 0, 16 * MIB);
    await rejection(many.next());
    await file.close();
    assertNoLeaks();
  });

  it('a source that gives nothing does not keep it', async () => {
    const { path } = fileOf(4096);
    await using file = await open(path, 'r');
    const controller = new AbortController();
    async function* stuck(): AsyncGenerator<ManyEntry> {
      yield page(0);
      await new Promise(() => {});
    }
    const many = file.readMany(stuck(), { signal: controller.signal });
    await many.next();
    const next = rejection(many.next());
    controller.abort();
    assert.equal((await next).name, 'AbortError');
  });
});

describe('refusals', () => {
  it('a file opened to append has no places to write to', async () => {
    await using file: File = await open(fresh(), 'a+');
    assert.throws(() => file.writeMany([]), { code: 'ERR_DIORITE_UNSUPPORTED' });
    assert.equal((await file.readMany([page(0)]).all())[0]?.bytesRead, 0);
  });
});
