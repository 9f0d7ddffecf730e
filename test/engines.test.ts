// Every operation on every engine against real files, beside what node:fs says of the same.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { loadAddon } from '../src/memory/addon.js';
import { hostPages } from '../src/memory/pages.js';
import { Region } from '../src/memory/region.js';
import { SegmentList } from '../src/plan/request.js';
import { type Engine, Op, type Operation, RWF_DSYNC } from '../src/targets/file/engines/engine.js';
import { NodeFsEngine } from '../src/targets/file/engines/node-fs.js';
import { PoolEngine } from '../src/targets/file/engines/pool.js';
import { RegisteredBuffers } from '../src/targets/file/engines/registered.js';
import { openRing, SETUP_FLAGS } from '../src/targets/file/engines/ring-setup.js';
import { UringEngine } from '../src/targets/file/engines/uring.js';
import { withSeed } from './support/random.js';
import { tempDirectory } from './support/temp.js';

const { EBADF, EINVAL, EFAULT, EFBIG, ENOSPC, EOPNOTSUPP, EISDIR } = constants.errno;
const O_DIRECT = fs.constants.O_DIRECT;
const PAGE = 4096;
const FALLOC_PUNCH_HOLE_KEEP_SIZE = 3;

interface Subject {
  readonly engine: Engine;
  close(): void;
}

interface Kind {
  readonly name: string;
  make(depth: number): Subject | string;
}

const addressOf = (buffer: ArrayBufferLike): number => hostPages().addressOf(buffer);

function uring(name: string, flags: number): Kind {
  return {
    name,
    make(depth) {
      const addon = loadAddon();
      if (addon === null) return 'needs the addon';
      const opened = openRing(addon, depth, [flags]);
      if ('reason' in opened) return opened.reason;
      const { ring, native } = opened;
      const buffers = new RegisteredBuffers(native, addressOf, () => ring.unsubmitted > 0);
      return { engine: new UringEngine(ring, addon, addressOf, buffers), close: () => ring.close() };
    },
  };
}

const KINDS: readonly Kind[] = [
  ...SETUP_FLAGS.map((flags, i) => uring(`uring, flags ${['deferred', 'cooperative', 'plain'][i] ?? i}`, flags)),
  {
    name: 'threads, addon',
    make(depth) {
      const addon = loadAddon();
      if (addon === null) return 'needs the addon';
      return { engine: new PoolEngine(addon, addressOf, depth, 4), close: () => undefined };
    },
  },
  { name: 'threads, node:fs', make: (depth) => ({ engine: new NodeFsEngine(depth, 4), close: () => undefined }) },
];

type Part = readonly [buffer: ArrayBufferLike, byteOffset: number, length: number];

function segmentsOf(parts: readonly Part[]): SegmentList {
  const list = new SegmentList();
  for (const [buffer, byteOffset, length] of parts) list.push(buffer, byteOffset, length, false);
  return list;
}

interface Asked {
  op: Op;
  fd: number;
  offset?: number;
  length?: number;
  flags?: number;
  parts?: readonly Part[];
  buffered?: boolean;
}

function operationOf(asked: Asked, complete: (result: number) => void): Operation {
  const parts = asked.parts ?? [];
  return {
    op: asked.op,
    fd: asked.fd,
    offset: asked.offset ?? 0,
    length: asked.length ?? parts.reduce((sum, part) => sum + part[2], 0),
    flags: asked.flags ?? 0,
    segments: asked.parts === undefined ? null : segmentsOf(parts),
    buffered: asked.buffered ?? false,
    complete,
  };
}

function run(engine: Engine, asked: Asked): Promise<number> {
  return new Promise((resolve) => {
    const operation = operationOf(asked, resolve);
    const go = (): void => {
      if (!engine.submit(operation)) engine.onceDrained(go);
    };
    go();
  });
}

function pattern(bytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);
}

function openIn(t: TestContext, name: string, flags: number, contents?: Uint8Array): { fd: number; path: string } {
  const path = join(tempDirectory(t), name);
  if (contents !== undefined) fs.writeFileSync(path, contents);
  const fd = fs.openSync(path, flags);
  t.after(() => fs.closeSync(fd));
  return { fd, path };
}

for (const kind of KINDS) {
  describe(kind.name, () => {
    const made = kind.make(64);
    if (typeof made === 'string') {
      test(kind.name, { skip: made }, () => undefined);
      return;
    }
    const { engine, close } = made;
    const region = new Region(64 * PAGE);
    before(() => region.bytes.fill(0));
    after(close);

    test('reads what node:fs reads: whole, short at the end, nothing beyond it, nothing asked', async (t) => {
      const contents = pattern(3 * PAGE + 100, 1);
      const { fd } = openIn(t, 'f', fs.constants.O_RDONLY, contents);
      for (const [offset, length] of [
        [0, PAGE],
        [10, 5000],
        [PAGE, 4 * PAGE],
        [contents.length, 10],
        [1 << 30, 10],
        [5, 0],
      ] as const) {
        const expected = Buffer.alloc(length);
        const count = fs.readSync(fd, expected, 0, length, offset);
        for (const buffered of [false, true]) {
          region.bytes.fill(0xee);
          const result = await run(engine, { op: Op.READ, fd, offset, parts: [[region.buffer, 0, length]], buffered });
          assert.equal(result, count, `${length} at ${offset}`);
          assert.deepEqual(Buffer.from(region.bytes.subarray(0, count)), expected.subarray(0, count));
          assert.equal(region.bytes[count], 0xee, 'nothing is written behind what was read');
        }
      }
      assert.equal(await run(engine, { op: Op.READ, fd }), 0, 'no memory at all');
    });

    test('scattered reads and gathered writes keep their order', async (t) => {
      const contents = pattern(64 * PAGE, 2);
      const { fd, path } = openIn(t, 'f', fs.constants.O_RDWR | O_DIRECT, contents);
      const parts: Part[] = [];
      for (let i = 0; i < 32; i++) parts.push([region.buffer, ((i * 29) % 32) * PAGE, PAGE]);
      assert.equal(await run(engine, { op: Op.READ, fd, offset: 8 * PAGE, parts }), 32 * PAGE);
      parts.forEach(([, at], i) => {
        const expected = contents.subarray((8 + i) * PAGE, (9 + i) * PAGE);
        assert.deepEqual(region.bytes.subarray(at, at + PAGE), expected, `segment ${i}`);
      });
      assert.equal(await run(engine, { op: Op.WRITE, fd, offset: 0, parts: parts.slice().reverse() }), 32 * PAGE);
      const expected = Buffer.concat(parts.map((_, i) => contents.subarray((8 + 31 - i) * PAGE, (8 + 32 - i) * PAGE)));
      assert.deepEqual(fs.readFileSync(path).subarray(0, 32 * PAGE), expected);
    });

    test('as many segments as it says it takes', async (t) => {
      const { fd, path } = openIn(t, 'f', fs.constants.O_CREAT | fs.constants.O_RDWR);
      region.bytes.set(pattern(engine.maxSegments * 16, 3));
      const parts: Part[] = [];
      for (let i = 0; i < engine.maxSegments; i++) parts.push([region.buffer, i * 16, 16]);
      const asked: Asked = { op: Op.WRITE, fd, offset: 3, parts, buffered: true };
      assert.equal(await run(engine, asked), engine.maxSegments * 16);
      assert.deepEqual(new Uint8Array(fs.readFileSync(path).subarray(3)), pattern(engine.maxSegments * 16, 3));
      assert.throws(() =>
        engine.submit(operationOf({ ...asked, parts: [...parts, [region.buffer, 0, 1]] }, () => undefined)),
      );
    });

    test("ordinary buffers, and the file's own position", async (t) => {
      const { fd } = openIn(t, 'f', fs.constants.O_RDWR, pattern(100, 4));
      const bytes = Buffer.from('0123456789');
      const part: Part = [bytes.buffer, bytes.byteOffset, 10];
      assert.equal(await run(engine, { op: Op.WRITE, fd, offset: 50, parts: [part] }), 10);
      const got = new Uint8Array(20);
      assert.equal(await run(engine, { op: Op.READ, fd, offset: 45, parts: [[got.buffer, 0, 20]] }), 20);
      assert.equal(Buffer.from(got.subarray(5, 15)).toString(), '0123456789');
      assert.equal(await run(engine, { op: Op.READ, fd, offset: -1, parts: [[got.buffer, 0, 20]] }), 20);
      assert.equal(await run(engine, { op: Op.READ, fd, offset: -1, parts: [[got.buffer, 0, 20]] }), 20);
      assert.deepEqual(got, pattern(100, 4).subarray(20, 40));
    });

    test('errors are those of the kernel', async (t) => {
      const { fd } = openIn(t, 'f', fs.constants.O_RDWR | O_DIRECT, pattern(2 * PAGE, 5));
      const part: Part = [region.buffer, 0, PAGE];
      const full = fs.openSync('/dev/full', 'w');
      const folder = fs.openSync('.', 'r');
      t.after(() => {
        for (const other of [full, folder]) fs.closeSync(other);
      });
      const closed = fs.openSync('/dev/null', 'r');
      fs.closeSync(closed);
      const expectations: [string, number, Asked][] = [
        ['memory that is not aligned', EINVAL, { op: Op.READ, fd, parts: [[region.buffer, 1, PAGE]] }],
        ['an offset that is not aligned', EINVAL, { op: Op.WRITE, fd, offset: 17, parts: [part] }],
        ['a descriptor that is closed', EBADF, { op: Op.READ, fd: closed, parts: [part] }],
        ['a descriptor below 0', EBADF, { op: Op.WRITE, fd: -1, parts: [part] }],
        ['fsync of a closed descriptor', EBADF, { op: Op.FSYNC, fd: closed }],
        ['a device that is full', ENOSPC, { op: Op.WRITE, fd: full, parts: [part], buffered: true }],
        ['a directory', EISDIR, { op: Op.READ, fd: folder, parts: [part], buffered: true }],
        ['an offset beyond what files may have', EFBIG, { op: Op.WRITE, fd, offset: 2 ** 46, parts: [part] }],
      ];
      for (const [what, errno, asked] of expectations) assert.equal(await run(engine, asked), -errno, what);
    });

    test('memory that was transferred away is refused, and never touched', async (t) => {
      const { fd } = openIn(t, 'f', fs.constants.O_RDONLY, pattern(PAGE, 6));
      const old = new ArrayBuffer(PAGE);
      assert.equal(await run(engine, { op: Op.READ, fd, parts: [[old, 0, PAGE]] }), PAGE);
      const moved = new Uint8Array(structuredClone(old, { transfer: [old] })).fill(0);
      assert.equal(await run(engine, { op: Op.READ, fd, parts: [[old, 0, PAGE]] }), -EFAULT);
      const two: Part[] = [
        [region.buffer, 0, PAGE],
        [old, 0, PAGE],
      ];
      assert.equal(await run(engine, { op: Op.READ, fd, parts: two }), -EFAULT);
      assert.ok(moved.every((byte) => byte === 0));
    });

    test("a request that is larger than the kernel takes is a bug of the caller's", () => {
      const asked: Asked = { op: Op.READ, fd: 0, length: 0x7ffff001, parts: [] };
      assert.throws(() => engine.submit(operationOf(asked, () => undefined)), /at once/);
    });

    test('fsync, fdatasync and durable writes', async (t) => {
      const { fd } = openIn(t, 'f', fs.constants.O_CREAT | fs.constants.O_RDWR);
      assert.equal(await run(engine, { op: Op.WRITE, fd, parts: [[region.buffer, 0, 100]], buffered: true }), 100);
      assert.equal(await run(engine, { op: Op.FSYNC, fd }), 0);
      assert.equal(await run(engine, { op: Op.FDATASYNC, fd }), 0);
      const durable = await run(engine, { op: Op.WRITE, fd, flags: RWF_DSYNC, parts: [[region.buffer, 0, 100]] });
      assert.equal(durable, engine.supports(Op.WRITE, RWF_DSYNC) ? 100 : -EOPNOTSUPP);
    });

    test('ranges: allocation, holes, write-back, cache', async (t) => {
      const { fd, path } = openIn(t, 'f', fs.constants.O_RDWR, pattern(64 * PAGE, 7));
      const all: [Op, Asked][] = [
        [
          Op.FALLOCATE,
          { op: Op.FALLOCATE, fd, offset: 16 * PAGE, length: 16 * PAGE, flags: FALLOC_PUNCH_HOLE_KEEP_SIZE },
        ],
        [Op.WRITE_BACK, { op: Op.WRITE_BACK, fd, offset: 0, length: 64 * PAGE }],
        [Op.WRITE_BACK, { op: Op.WRITE_BACK, fd, offset: 0, length: 2 ** 40 }],
        [Op.DROP_CACHE, { op: Op.DROP_CACHE, fd, offset: 0, length: 64 * PAGE }],
        [Op.DROP_CACHE, { op: Op.DROP_CACHE, fd, offset: 0, length: 2 ** 40 }],
      ];
      for (const [op, asked] of all) assert.equal(await run(engine, asked), engine.supports(op) ? 0 : -EOPNOTSUPP);
      if (!engine.supports(Op.FALLOCATE)) return;
      assert.ok(
        fs
          .readFileSync(path)
          .subarray(16 * PAGE, 32 * PAGE)
          .every((byte) => byte === 0),
      );
      assert.equal(await run(engine, { op: Op.SEEK_HOLE, fd, offset: 0 }), 16 * PAGE);
      assert.equal(await run(engine, { op: Op.SEEK_DATA, fd, offset: 16 * PAGE }), 32 * PAGE);
      const far = { op: Op.FALLOCATE, fd, offset: 2 ** 33, length: 2 ** 32 + PAGE, flags: FALLOC_PUNCH_HOLE_KEEP_SIZE };
      assert.equal(await run(engine, far), 0, 'offset and length beyond 32 bits');
      assert.ok((await run(engine, { op: Op.BLOCK_ZERO, fd, length: PAGE })) < 0, 'not a block device');
      const cached = loadAddon()?.cachedPages(fd, 0, 64 * PAGE) ?? 0;
      assert.equal(await run(engine, { op: Op.DROP_CACHE, fd, offset: 0, length: 64 * PAGE }), 0);
      const left = loadAddon()?.cachedPages(fd, 0, 64 * PAGE) ?? 0;
      if (cached >= 0) assert.ok(left < cached, `${left} of ${cached} pages are still cached`);
    });

    test('full at its depth, drained when there is room, nothing lost', async (t) => {
      const { fd } = openIn(t, 'f', fs.constants.O_RDONLY | O_DIRECT, pattern(64 * PAGE, 8));
      let taken = 0;
      let answered = 0;
      let said = 0;
      const total = engine.depth * 3;
      await new Promise<void>((resolve) => {
        const more = (): void => {
          while (taken < total) {
            const part: Part = [region.buffer, (taken % 64) * PAGE, PAGE];
            const operation = operationOf({ op: Op.READ, fd, offset: (taken % 64) * PAGE, parts: [part] }, (result) => {
              assert.equal(result, PAGE);
              if (++answered === total) resolve();
            });
            if (!engine.submit(operation)) {
              said++;
              engine.onceDrained(more);
              return;
            }
            taken++;
          }
        };
        more();
        assert.equal(taken, engine.depth);
        assert.equal(answered, 0, 'nothing is answered before submit returns');
      });
      assert.ok(said >= 2);
    });

    test('10,000 mixed operations leave the file as node:fs would', async (t) => {
      await withSeed(async (random) => {
        const blocks = 256;
        const image = pattern(blocks * PAGE, 9);
        const { fd, path } = openIn(t, 'f', fs.constants.O_RDWR | O_DIRECT, image);
        const busy = new Set<number>();
        let wrong = 0;
        const one = async (lane: number): Promise<void> => {
          for (let i = 0; i < 10_000 / 32; i++) {
            // Two requests on the same page at once may give anything; 32 lanes leave most of 256 pages free.
            let block = random.below(blocks - 1);
            while (busy.has(block) || busy.has(block + 1)) block = random.below(blocks - 1);
            busy.add(block).add(block + 1);
            const at = lane * 2 * PAGE;
            // The two pages of the lane, in one piece or in two that are swapped.
            const parts: Part[] = random.chance(2)
              ? [[region.buffer, at, 2 * PAGE]]
              : [
                  [region.buffer, at + PAGE, PAGE],
                  [region.buffer, at, PAGE],
                ];
            if (random.chance(2)) {
              for (const [, from, length] of parts) region.bytes.fill(random.below(256), from, from + length);
              const bytes = Buffer.concat(parts.map(([, from, length]) => region.bytes.slice(from, from + length)));
              if ((await run(engine, { op: Op.WRITE, fd, offset: block * PAGE, parts })) !== 2 * PAGE) wrong++;
              image.set(bytes, block * PAGE);
            } else {
              if ((await run(engine, { op: Op.READ, fd, offset: block * PAGE, parts })) !== 2 * PAGE) wrong++;
              const bytes = Buffer.concat(parts.map(([, from, length]) => region.bytes.slice(from, from + length)));
              if (!bytes.equals(image.subarray(block * PAGE, (block + 2) * PAGE))) wrong++;
            }
            busy.delete(block);
            busy.delete(block + 1);
            if (random.chance(64) && (await run(engine, { op: Op.FDATASYNC, fd })) !== 0) wrong++;
          }
        };
        await Promise.all(Array.from({ length: 32 }, (_, lane) => one(lane)));
        assert.equal(wrong, 0);
        assert.deepEqual(new Uint8Array(fs.readFileSync(path)), image);
      });
    });
  });
}
