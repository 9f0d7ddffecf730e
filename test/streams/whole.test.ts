// Whole files and iterables: readFile, writeFile, appendFile, write of an iterable; chmod, chown, utimes; beside Node's.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open as nodeOpen } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { type File, open } from '../../src/index.js';
import { streamPool } from '../../src/streams/gather.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { checkExtents } from '../support/oracle.js';
import { withSeed } from '../support/random.js';
import { EIO, fileOf, fresh, hold, MIB, randomBytes, until } from './support.js';

/** What both kinds of file have; Node's types are narrower than what it takes. */
interface Whole {
  read(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<unknown>;
  readFile(options?: unknown): Promise<unknown>;
  writeFile(data: unknown, options?: unknown): Promise<unknown>;
  appendFile(data: unknown): Promise<unknown>;
  chmod(mode: unknown): Promise<unknown>;
  chown(uid: unknown, gid: unknown): Promise<unknown>;
  utimes(atime: unknown, mtime: unknown): Promise<unknown>;
}

/** The same on a file of Node's and on one of ours: the same results and bytes. */
async function beside(flags: string, work: (file: Whole) => Promise<unknown>): Promise<void> {
  const seen = async (opened: (path: string) => Promise<FileHandle | File>): Promise<unknown[]> => {
    const path = fresh();
    writeFileSync(path, 'what was there before');
    const file = await opened(path);
    let outcome: unknown;
    try {
      outcome = await work(file as unknown as Whole);
    } catch (error) {
      outcome = error instanceof Error && 'code' in error ? error.code : error;
    }
    await file.close();
    const { mode, atimeMs, mtimeMs } = statSync(path);
    // Times that nobody set are not the same; those that were are long past.
    const times = [atimeMs, mtimeMs].map((time) => (time < Date.now() - 1e9 ? time : 'now'));
    return [outcome, mode, times, readFileSync(path, 'latin1')];
  };
  assert.deepEqual(await seen((path) => open(path, flags)), await seen((path) => nodeOpen(path, flags)));
}

describe('as Node’s FileHandle has them', () => {
  const calls: Readonly<Record<string, (file: Whole) => Promise<unknown>>> = {
    'readFile, twice': async (file) => [await file.readFile(), await file.readFile('utf8')],
    'readFile after a read': async (file) => {
      await file.read(Buffer.alloc(5), 0, 5, null);
      return file.readFile({ encoding: 'latin1' });
    },
    'readFile with an encoding that is none': (file) => file.readFile('no'),
    'readFile, aborted before': (file) => file.readFile({ signal: AbortSignal.abort() }),
    'writeFile of a string': (file) => file.writeFile('äöü'),
    'writeFile in latin1': (file) => file.writeFile('äöü', 'latin1'),
    'writeFile of a view': (file) => file.writeFile(new Uint16Array([1, 2, 3])),
    'writeFile, twice': async (file) => {
      await file.writeFile('one');
      await file.writeFile('two');
    },
    'writeFile of an iterable': (file) => file.writeFile(['a', 'b', 'c']),
    'writeFile of an async iterable': (file) =>
      file.writeFile(
        (async function* () {
          yield 'one';
          yield Buffer.from('two');
        })(),
      ),
    'writeFile of a stream': (file) => file.writeFile(Readable.from(['x', Buffer.from('y')])),
    'writeFile of nothing': (file) => file.writeFile(''),
    'writeFile of what is no data': (file) => file.writeFile(5),
    'writeFile, aborted before': (file) => file.writeFile('x', { signal: AbortSignal.abort() }),
    'appendFile, twice': async (file) => {
      await file.appendFile('one');
      await file.appendFile(Buffer.from('two'));
    },
    'chmod with a number': (file) => file.chmod(0o600),
    'chmod with digits': (file) => file.chmod('640'),
    'chmod with what is none': (file) => file.chmod('rw'),
    'chown to oneself': (file) => file.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0),
    'chown to what is nobody': (file) => file.chown('me', 0),
    'utimes with numbers': (file) => file.utimes(1e9, 1.5e9),
    'utimes with dates': (file) => file.utimes(new Date(1e12), new Date(1.1e12)),
    'utimes with digits': (file) => file.utimes('1000000000', '1000000001.5'),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(name, async () => {
      await beside('r+', call);
      await beside('a+', call);
    });
  }
});

describe('readFile', () => {
  it('of what has no size', async () => {
    await using file = await open('/proc/self/status');
    assert.match(await file.readFile('utf8'), /^Name:/);
  });

  it('of all sizes, and in its turn', async () => {
    for (const bytes of [0, 1, 4096, 3 * MIB + 7]) {
      const { path, data } = fileOf(bytes);
      await using file = await open(path);
      const first = file.read(Buffer.alloc(1));
      assert.ok((await file.readFile()).equals(data.subarray(1)));
      await first;
    }
  });
});

async function* slowly<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) {
    await null;
    yield item;
  }
}

describe('write of an iterable', () => {
  for (const engine of ['auto', 'threads'] as const) {
    it(`chunks and arrays of chunks, sync and async: ${engine}`, () =>
      withSeed(async (random) => {
        const data = randomBytes(6 * MIB + 321);
        const items: (Buffer | Buffer[])[] = [];
        for (let at = 0; at < data.length; ) {
          const many: Buffer[] = [];
          for (let i = random.between(0, 5); i >= 0; i--) {
            const bytes = random.between(0, random.between(1, MIB));
            many.push(data.subarray(at, at + bytes));
            at += bytes;
          }
          items.push(many.length === 1 && many[0] !== undefined ? many[0] : many);
        }
        for (const source of [new Set(items), slowly(items)]) {
          const path = fresh();
          await using file = await open(path, 'w', { engine });
          const progress: number[] = [];
          const onProgress = (bytes: number): void => void progress.push(bytes);
          const result = await file.write(source, { position: 77, onProgress });
          assert.equal(result.bytesWritten, data.length);
          assert.equal(result.buffer, source);
          assert.equal(result.io, 'direct');
          assert.equal(result.stable, false);
          assert.deepEqual(result.extents, [{ offset: 77, length: data.length, state: 'done' }]);
          assert.equal(progress.at(-1), data.length);
          assert.ok(readFileSync(path).subarray(77).equals(data));
        }
        assert.equal(streamPool().leased, 0);
        assertNoLeaks();
      }));
  }

  it('durable where that is asked', async () => {
    await using file = await open(fresh(), 'w');
    assert.equal((await file.write(new Set([Buffer.alloc(10)]), { dsync: true })).stable, true);
  });

  it('a million chunks of a synchronous source do not hold the event loop', async () => {
    await using file = await open(fresh(), 'w');
    const chunk = Buffer.alloc(16);
    const source = (function* () {
      for (let i = 0; i < 1_000_000; i++) yield chunk;
    })();
    let turns = 0;
    let ended = false;
    const writing = file.write(source).finally(() => {
      ended = true;
    });
    while (!ended) {
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await writing).bytesWritten, 16_000_000);
    assert.ok(turns > 20, `${turns} turns`);
  });

  it('the source throws: it rejects with that, what was taken is written, nothing leaks', async () => {
    const path = fresh();
    await using file = await open(path, 'w');
    const mine = new Error('mine');
    let returned = false;
    const source = (async function* () {
      try {
        yield 'text';
        throw mine;
      } finally {
        returned = true;
      }
    })();
    await assert.rejects(file.write(source), (error) => error === mine);
    assert.ok(returned);
    assert.equal(readFileSync(path, 'utf8'), 'text');
  });

  it('an item that is no chunk', async () => {
    await using file = await open(fresh(), 'w');
    let returned = false;
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ value: 5 as unknown as string, done: false }),
        return: () => {
          returned = true;
          return { value: undefined, done: true as const };
        },
      }),
    };
    await assert.rejects(file.write(source), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.ok(returned);
    await assert.rejects(file.write(new Set(['x']), { length: 5 }), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(file.write(new Set(['x']), { atomic: true }), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('aborted while the source hangs: with the ledger', async () => {
    const path = fresh();
    await using file = await open(path, 'w');
    const controller = new AbortController();
    const source = (async function* () {
      yield Buffer.alloc(3 * MIB, 1);
      await new Promise(() => {});
    })();
    const writing = file.write(source, { signal: controller.signal });
    await until(() => statSync(path).size >= 3 * MIB);
    controller.abort();
    const error: DioriteError = await writing.then(
      () => assert.fail('it resolved'),
      (told) => told,
    );
    assert.equal(error.name, 'AbortError');
    assert.equal(error.bytes, 3 * MIB);
    assert.deepEqual(error.extents, [{ offset: 0, length: 3 * MIB, state: 'done' }]);
  });

  it('an error at every write: the ledger is true', async () => {
    const data = randomBytes(4 * MIB + 9);
    for (let failing = 1; ; failing++) {
      const path = fresh();
      let writes = 0;
      const file = await openFaulty(path, {
        judge: (operation) => (operation.op === Op.WRITE && ++writes === failing ? { result: EIO } : undefined),
      });
      const items = slowly(Array.from({ length: 50 }, (_, i) => data.subarray(i * 100_000, (i + 1) * 100_000)));
      const error: DioriteError | null = await file.write(items, { position: 0 }).then(
        () => null,
        (told) => told,
      );
      await file.close();
      assert.equal(streamPool().leased, 0);
      if (writes < failing) {
        assert.equal(error, null);
        return;
      }
      assert.equal(error?.code, 'EIO');
      const extents = error?.extents ?? [];
      checkExtents(extents, 0, error?.length ?? 0);
      const written = readFileSync(path);
      for (const { offset, length, state } of extents)
        if (state === 'done')
          assert.ok(written.subarray(offset, offset + length).equals(data.subarray(offset, offset + length)));
    }
  });

  it('closing the file waits for it', async () => {
    const path = fresh();
    const releases: (() => void)[] = [];
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.WRITE) releases.push(hold(operation));
        return undefined;
      },
    });
    const writing = file.write(new Set([randomBytes(MIB)]), { position: 0 });
    let isClosed = false;
    const closing = file.close().then(() => {
      isClosed = true;
    });
    await until(() => releases.length === 1);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false);
    releases[0]?.();
    assert.equal((await writing).bytesWritten, MIB);
    await closing;
  });
});
