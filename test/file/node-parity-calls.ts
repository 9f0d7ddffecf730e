// The calls of node-parity.test.ts: each line of a table runs on a diorite file and on Node's FileHandle.

/** Both are called as JavaScript would: with whatever is given, also what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: the calls are data here, and half of them are wrong on purpose
export type Loose = any;

/** A call, the same for both; made anew for each, so that buffers are not shared. */
export type Call = (file: Loose) => unknown;

export const CONTENT: Buffer = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 31) % 251));

export const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => 200 - (index % 100)));

/** Each line runs on fresh files; the calls of one line run one after the other on the same one. */
export const SEQUENCES: Record<string, readonly Call[]> = {
  'read without anything': [(f) => f.read(), (f) => f.read(), (f) => f.read()],
  'read into a buffer, position kept': [
    (f) => f.read(Buffer.alloc(100)),
    (f) => f.read(Buffer.alloc(100)),
    (f) => f.read(Buffer.alloc(100), 10),
    (f) => f.read(Buffer.alloc(100), 10, 20),
    (f) => f.read(Buffer.alloc(100), 10, 20, 500),
    (f) => f.read(Buffer.alloc(100), 10, 20),
    (f) => f.read(Buffer.alloc(100), 10, 20, null),
    (f) => f.read(Buffer.alloc(100), 10, 20, undefined),
    (f) => f.read(Buffer.alloc(100), 10, 20, -1),
    (f) => f.read(Buffer.alloc(100), 10, 20, 0),
    (f) => f.read(Buffer.alloc(100), undefined, undefined, 7),
    (f) => f.read(Buffer.alloc(100), null, null, null),
  ],
  'read with options': [
    (f) => f.read({ buffer: Buffer.alloc(50) }),
    (f) => f.read({ buffer: Buffer.alloc(50), offset: 5, length: 6, position: 7 }),
    (f) => f.read({ length: 10, buffer: Buffer.alloc(50) }),
    (f) => f.read({}),
    (f) => f.read({ position: 100 }),
    (f) => f.read(Buffer.alloc(50), { offset: 5, length: 6, position: 7 }),
    (f) => f.read(Buffer.alloc(50), {}),
    (f) => f.read(Buffer.alloc(50), { offset: 50 }),
    (f) => f.read(Buffer.alloc(50), { length: 51 }),
    (f) => f.read(null),
    (f) => f.read(undefined),
    (f) => f.read(Buffer.alloc(50), null),
  ],
  'read around the end': [
    (f) => f.read(Buffer.alloc(10_000), 0, 10_000, 15_000),
    (f) => f.read(Buffer.alloc(10), 0, 10, 20_000),
    (f) => f.read(Buffer.alloc(10), 0, 10, 1e12),
    (f) => f.read(Buffer.alloc(30_000)),
    (f) => f.read(Buffer.alloc(10)),
  ],
  'read of nothing': [
    (f) => f.read(Buffer.alloc(10), 0, 0, 0),
    (f) => f.read(Buffer.alloc(10), 10, 0, 0),
    (f) => f.read(Buffer.alloc(0)),
    (f) => f.read(Buffer.alloc(0), 0, 0, 0),
    (f) => f.read(Buffer.alloc(0), { position: 0 }),
  ],
  'read into other views': [
    (f) => f.read(new Uint16Array(50), 0, 20, 0),
    (f) => f.read(new DataView(new ArrayBuffer(50), 5, 20), 0, 20, 0),
    (f) => f.read(new BigUint64Array(8)),
    (f) => f.read(new Uint8Array(new SharedArrayBuffer(50)), 0, 20, 0),
    (f) => f.read(new ArrayBuffer(50)),
    (f) => f.read('text'),
    (f) => f.read([1, 2]),
    (f) => f.read(7),
  ],
  'read with wrong numbers': [
    (f) => f.read(Buffer.alloc(10), -1, 5, 0),
    (f) => f.read(Buffer.alloc(10), 11, 1, 0),
    (f) => f.read(Buffer.alloc(10), 0, 11, 0),
    (f) => f.read(Buffer.alloc(10), 5, 6, 0),
    (f) => f.read(Buffer.alloc(10), 0, -1, 0),
    (f) => f.read(Buffer.alloc(10), 0.5, 5, 0),
    (f) => f.read(Buffer.alloc(10), '0', 5, 0),
  ],
  readv: [
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(3), new Uint16Array(4)], 5),
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(3)]),
    (f) => f.readv([Buffer.alloc(10)], null),
    (f) => f.readv([Buffer.alloc(10)], undefined),
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(0), Buffer.alloc(10)], 19_985),
    (f) => f.readv([Buffer.alloc(10)], 20_000),
    (f) => f.readv([Buffer.alloc(0)], 0),
    (f) => f.readv([1]),
    (f) => f.readv('text'),
    (f) => f.readv(undefined),
  ],
  'write, position kept': [
    (f) => f.write(bytes(100)),
    (f) => f.write(bytes(100), 10),
    (f) => f.write(bytes(100), 10, 20),
    (f) => f.write(bytes(100), 10, 20, 5000),
    (f) => f.write(bytes(100), 10, 20, null),
    (f) => f.write(bytes(100), 10, 20, undefined),
    (f) => f.write(bytes(100), undefined, undefined, 7000),
    (f) => f.read(Buffer.alloc(50)),
    (f) => f.write(bytes(9000), 0, 9000, 30_001),
    (f) => f.read(Buffer.alloc(50)),
  ],
  'write with options': [
    (f) => f.write(bytes(50), { offset: 5, length: 6, position: 7 }),
    (f) => f.write(bytes(50), { position: 70 }),
    (f) => f.write(bytes(50), {}),
    (f) => f.write(bytes(50), { offset: 50 }),
    (f) => f.write(bytes(50), { offset: 51 }),
    (f) => f.write(bytes(50), { length: 51 }),
    (f) => f.write(bytes(50), null),
  ],
  'write of nothing': [
    (f) => f.write(Buffer.alloc(0)),
    (f) => f.write(bytes(10), 0, 0, 50_000),
    (f) => f.write(bytes(10), 10, 0, 0),
    (f) => f.write(''),
    (f) => f.writev([Buffer.alloc(0)], 0),
    (f) => f.stat().then((s: { size: number }) => s.size),
  ],
  'write of text': [
    (f) => f.write('grüße'),
    (f) => f.write('grüße', 100),
    (f) => f.write('grüße', 200, 'latin1'),
    (f) => f.write('67c3bc', 300, 'hex'),
    (f) => f.write('Z3LDvMOfZQ==', 400, 'base64'),
    (f) => f.write('text', null, 'utf16le'),
    (f) => f.write('text', undefined, 'ucs2'),
    (f) => f.write('abc', 10, 'hex'),
    (f) => f.write('x'.repeat(10_000), 11),
  ],
  'write of other things': [
    (f) => f.write(new Uint16Array([1, 2, 3]), 0, 6, 0),
    (f) => f.write(new DataView(new ArrayBuffer(50), 5, 20), 0, 20, 100),
    (f) => f.write(new Uint8Array(new SharedArrayBuffer(50)), 0, 20, 200),
    (f) => f.write(new ArrayBuffer(50)),
    (f) => f.write({}),
    (f) => f.write({ toString: () => 'text' }),
    (f) => f.write(7),
    (f) => f.write(null),
    (f) => f.write(undefined),
    (f) => f.write(['text']),
  ],
  'write with wrong numbers': [
    (f) => f.write(bytes(10), -1, 5, 0),
    (f) => f.write(bytes(10), 11, 1, 0),
    (f) => f.write(bytes(10), 0, 11, 0),
    (f) => f.write(bytes(10), 5, 6, 0),
    (f) => f.write(bytes(10), 0, -1, 0),
    (f) => f.write(bytes(10), 0.5, 5, 0),
    (f) => f.write(bytes(10), '0', 5, 0),
  ],
  writev: [
    (f) => f.writev([bytes(10), bytes(3), new Uint16Array([1, 2, 3, 4])], 5),
    (f) => f.writev([bytes(10), bytes(3)]),
    (f) => f.writev([bytes(10)], null),
    (f) => f.writev([bytes(10)], undefined),
    (f) => f.writev([bytes(5000), Buffer.alloc(0), bytes(5001)], 4095),
    (f) => f.writev([bytes(10)]),
    (f) => f.writev([]),
    (f) => f.writev([1]),
    (f) => f.writev([bytes(10), 'text']),
    (f) => f.writev('text'),
    (f) => f.writev(undefined),
  ],
  truncate: [
    (f) => f.truncate(12_345),
    (f) => f.truncate(25_000),
    (f) => f.read(Buffer.alloc(30_000), 0, 30_000, 0),
    (f) => f.truncate(1.5),
    (f) => f.truncate('5'),
    (f) => f.truncate(3),
    (f) => f.truncate(null),
    (f) => f.truncate(10),
    (f) => f.truncate(),
    (f) => f.write(bytes(5000), 0, 5000, 100),
  ],
  'truncate to less than nothing': [(f) => f.truncate(-5)],
  stat: [
    (f) => f.stat().then((s: Loose) => [s.size, s.isFile(), s.mode, s.nlink, typeof s.mtimeMs, s.constructor.name]),
    (f) => f.stat({ bigint: true }).then((s: Loose) => [s.size, s.mode, typeof s.mtimeNs, s.constructor.name]),
    (f) => f.stat({ bigint: false }).then((s: Loose) => s.size),
    (f) => f.stat({}).then((s: Loose) => s.size),
    (f) => f.write(bytes(7777), 0, 7777, 19_000),
    (f) => f.stat().then((s: Loose) => s.size),
  ],
  sync: [(f) => f.write(bytes(5000)), (f) => f.datasync(), (f) => f.sync(), (f) => f.read(Buffer.alloc(5))],
  close: [
    (f) => typeof f.fd,
    (f) => f.close(),
    (f) => f.fd,
    (f) => f.close(),
    (f) => f[Symbol.asyncDispose](),
    (f) => f.read(Buffer.alloc(5)),
    (f) => f.write(Buffer.alloc(5)),
    (f) => f.readv([Buffer.alloc(5)]),
    (f) => f.writev([Buffer.alloc(5)]),
    (f) => f.stat(),
    (f) => f.truncate(),
    (f) => f.sync(),
    (f) => f.datasync(),
  ],
  'the close event': [
    async (f) => {
      let closed = 0;
      f.on('close', () => closed++);
      await f.close();
      await f.close();
      return closed;
    },
  ],
  'the arrays and buffers of a result are those that were given': [
    async (f) => {
      const given = Buffer.alloc(10);
      const list = [given];
      const results = [
        (await f.read(given, 0, 10, 0)).buffer === given,
        (await f.write(given, 0, 10, 0)).buffer === given,
        (await f.readv(list, 0)).buffers === list,
        (await f.writev(list, 0)).buffers === list,
        (await f.write('text', 0)).buffer === 'text',
      ];
      return results;
    },
    async (f) => Object.keys(await f.read(Buffer.alloc(10), 0, 10, 0)),
    async (f) => Object.keys(await f.write(Buffer.alloc(10), 0, 10, 0)),
    async (f) => Object.keys(await f.readv([Buffer.alloc(10)], 0)),
    async (f) => Object.keys(await f.writev([Buffer.alloc(10)], 0)),
  ],
};
