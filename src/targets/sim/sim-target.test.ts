// The simulator itself: that it answers as targets do, refuses what a kernel refuses, and catches broken contracts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DioriteError } from '../../base/errors.js';
import type { Direction } from '../../plan/limits.js';
import { Request, type RequestOwner, type Short } from '../../transfer/request.js';
import type { Holes } from '../../transfer/target.js';
import type { FaultRule } from './faults.js';
import { SIM_LIMITS, type SimEvent, type SimOptions } from './options.js';
import { SimTarget } from './sim-target.js';

/** Every buffer begins at the start of a page. */
const ALIGNED = { offsetInPage: (): number => 0 };

class Recorder implements RequestOwner {
  readonly lines: string[] = [];
  answered(request: Request, bytes: number, short: Short): void {
    this.lines.push(`${request.offset}: ${bytes} of ${request.bytes}${bytes < request.bytes ? ` ${short}` : ''}`);
  }
  failed(request: Request, error: DioriteError): void {
    assert.equal(error.syscall, request.direction);
    assert.ok((error.errno ?? 0) < 0 && error.path?.startsWith('sim:'));
    this.lines.push(`${request.offset}: ${error.code}`);
  }
  lost(request: Request, error: DioriteError): void {
    this.lines.push(`${request.offset}: lost, ${error.code}`);
  }

  released(request: Request): void {
    this.lines.push(`${request.offset}: released`);
  }
  get answers(): string[] {
    return this.lines.filter((line) => !line.endsWith('released'));
  }
}

function requestOf(
  direction: Direction,
  offset: number,
  memory: Uint8Array,
  route: 'direct' | 'end' = 'direct',
): Request {
  const request = new Request();
  request.direction = direction;
  request.route = route;
  request.offset = offset;
  request.payloadOffset = offset;
  request.bytes = memory.length;
  request.payloadBytes = memory.length;
  request.segments.push(memory.buffer, memory.byteOffset, memory.length, false);
  return request;
}

class Bench {
  readonly sim: SimTarget;
  readonly owner: Recorder = new Recorder();

  constructor(options: SimOptions = {}) {
    this.sim = new SimTarget({ pump: 'manual', places: ALIGNED, ...options });
  }

  get holes(): Holes {
    assert.ok(this.sim.holes);
    return this.sim.holes;
  }

  send(direction: Direction, offset: number, memory: Uint8Array, route?: 'direct' | 'end'): Request {
    const request = requestOf(direction, offset, memory, route);
    request.begin(this.owner);
    assert.equal(this.sim.submit(request), true);
    return request;
  }

  write(offset: number, bytes: number, value = 1): Request {
    return this.send('write', offset, new Uint8Array(bytes).fill(value));
  }

  read(offset: number, bytes: number): Uint8Array {
    const memory = new Uint8Array(bytes).fill(0xee);
    this.send('read', offset, memory);
    return memory;
  }

  /** Sends one request alone and gives its answer. */
  one(direction: Direction, offset: number, bytes: number): string {
    if (direction === 'read') this.read(offset, bytes);
    else this.write(offset, bytes);
    this.sim.run();
    return this.owner.answers.at(-1) ?? '';
  }
}

test('what is written is read again, after the answers and releases that belong to it', () => {
  const bench = new Bench();
  bench.write(0, 4096, 7);
  assert.deepEqual(bench.owner.lines, [], 'nothing is answered before submit returns');
  bench.sim.run();
  assert.deepEqual(bench.owner.lines, ['0: 4096 of 4096', '0: released']);
  assert.equal(bench.sim.size, 4096);
  const memory = bench.read(0, 4096);
  bench.sim.run();
  assert.ok(memory.every((byte) => byte === 7));
});

test('the end of a file: reads are short, then empty', () => {
  const bench = new Bench({ size: 1000, contents: 'random' });
  assert.equal(bench.one('read', 0, 4096), '0: 1000 of 4096 end');
  assert.equal(bench.one('read', 1024, 512), '1024: 0 of 512 end');
});

test('the end of a device, and of a full file system: writes are short, then ENOSPC', () => {
  for (const options of [
    { kind: 'device', size: 6144 },
    { size: 2048, spaceBytes: 4200 },
  ] satisfies SimOptions[]) {
    const bench = new Bench(options);
    assert.equal(bench.one('write', 4096, 4096), '4096: 2048 of 4096 continue');
    assert.equal(bench.one('write', 6144, 4096), '6144: ENOSPC');
    assert.equal(bench.sim.size, 6144);
  }
});

test('misalignment is EINVAL, and touches nothing', () => {
  const places = { offsetInPage: (buffer: ArrayBufferLike): number => (buffer.byteLength === 5120 ? -1 : 0) };
  const bench = new Bench({ places });
  const write = (offset: number, memory: Uint8Array): void => {
    bench.send('write', offset, memory);
  };
  write(0, new Uint8Array(4096 + 8).subarray(8, 8 + 512));
  write(100, new Uint8Array(512));
  write(0, new Uint8Array(500));
  write(0, new Uint8Array(5120));
  bench.sim.run();
  assert.equal(bench.owner.answers.filter((line) => line.endsWith(': EINVAL')).length, 4);
  assert.equal(bench.sim.size, 0);
  bench.send('write', 100, new Uint8Array(4104).subarray(8, 8 + 500).fill(5), 'end');
  bench.sim.run();
  assert.equal(bench.owner.answers.at(-1), '100: 500 of 500');
});

test('full, and drained', () => {
  const bench = new Bench({ queueDepth: 2, faults: [{ fault: 'full', at: 1 }] });
  const submit = (request: Request): boolean => {
    request.begin(bench.owner);
    const taken = bench.sim.submit(request);
    if (!taken) request.takeBack();
    return taken;
  };
  const requests = [0, 512, 1024].map((offset) => requestOf('write', offset, new Uint8Array(512)));
  const [first, second, third] = requests as [Request, Request, Request];
  const drained: string[] = [];
  assert.equal(submit(first), false, 'by the fault, though nothing is in flight');
  bench.sim.onceDrained(() => drained.push('room'));
  assert.equal(drained.length, 0);
  bench.sim.run();
  assert.deepEqual(drained, ['room']);
  assert.equal(submit(first), true);
  assert.equal(submit(second), true);
  assert.equal(submit(third), false, 'really full');
  bench.sim.onceDrained(() => drained.push(String(submit(third))));
  bench.sim.run();
  assert.deepEqual(drained, ['room', 'true']);
  assert.equal(bench.owner.answers.length, 3);
  assert.equal(bench.sim.stats.inFlightMax, 2);
});

const answers: [string, FaultRule, string][] = [
  ['EIO', { at: 1, fault: 'EIO' }, '0: EIO'],
  ['EAGAIN', { at: 1, fault: 'EAGAIN' }, '0: EAGAIN'],
  ['EINTR', { at: 1, fault: 'EINTR' }, '0: EINTR'],
  ['EINVAL', { at: 1, fault: 'EINVAL' }, '0: EINVAL'],
  ['ENOSPC', { at: 1, fault: 'ENOSPC' }, '0: ENOSPC'],
  ['ETIMEDOUT', { at: 1, fault: 'ETIMEDOUT' }, '0: ETIMEDOUT'],
  ['short', { at: 1, fault: 'short', bytes: 1000 }, '0: 1024 of 4096 continue'],
  ['short-unaligned', { at: 1, fault: 'short-unaligned', bytes: 1000 }, '0: 1000 of 4096 continue'],
  ['zero', { at: 1, fault: 'zero' }, '0: 0 of 4096 continue'],
];
for (const [name, rule, expected] of answers) {
  test(`fault: ${name}`, () => {
    for (const direction of ['read', 'write'] satisfies Direction[]) {
      const bench = new Bench({ size: 8192, faults: [rule] });
      assert.equal(bench.one(direction, 0, 4096), expected);
      assert.equal(bench.one(direction, 0, 4096), '0: 4096 of 4096', 'and once only');
    }
  });
}

test('late and early answers change the order', () => {
  const bench = new Bench({
    faults: [
      { at: 1, fault: 'late' },
      { at: 3, fault: 'early' },
    ],
  });
  for (const offset of [0, 512, 1024]) bench.write(offset, 512);
  bench.sim.run();
  assert.deepEqual(
    bench.owner.answers.map((line) => line.split(':')[0]),
    ['1024', '512', '0'],
  );
});

test('after an error any sectors have landed, but no part of one', () => {
  const shares = new Set<number>();
  for (let seed = 1; seed <= 40; seed++) {
    const bench = new Bench({ seed, size: 16_384, faults: [{ at: 1, fault: 'EIO' }] });
    bench.write(0, 16_384, 1);
    bench.sim.run();
    const bytes = new Uint8Array(16_384);
    bench.sim.media.read(0, bytes);
    let landed = 0;
    for (let at = 0; at < bytes.length; at += 512) {
      const sector = bytes.subarray(at, at + 512);
      assert.ok(sector.every((byte) => byte === sector[0]));
      landed += sector[0] ?? 0;
    }
    shares.add(landed);
  }
  assert.ok(shares.has(0) && shares.has(32) && shares.size > 5, [...shares].join());
});

test('errors without effect, and what they say of the bytes', () => {
  const bench = new Bench({ size: 4096, noEffect: ['ENOSPC'], faults: [{ fault: 'ENOSPC' }] });
  bench.write(0, 4096);
  bench.sim.run();
  assert.deepEqual([...bench.sim.media.dataRanges(0, 4096)], []);
  const effect = (code: string): string => bench.sim.effectOf({ code } as DioriteError, 'write');
  assert.deepEqual(['EAGAIN', 'EINTR', 'ENOSPC', 'EIO', 'EINVAL'].map(effect), [
    'retry',
    'retry',
    'none',
    'unknown',
    'unknown',
  ]);
});

test('no answer until it is cancelled', () => {
  const bench = new Bench({ cancel: 'honoured', faults: [{ at: 1, fault: 'no-answer' }] });
  const request = bench.write(0, 4096);
  assert.equal(bench.sim.run(), 0);
  bench.sim.cancel(request);
  assert.deepEqual(bench.owner.lines, [], 'cancel does not answer before it returns');
  bench.sim.run();
  assert.deepEqual(bench.owner.lines, ['0: ECANCELED', '0: released']);
  bench.sim.cancel(request);
  assert.equal(bench.sim.run(), 0, 'too late: it is nobody’s any more');
});

test('a disk ignores cancel', () => {
  const bench = new Bench();
  bench.sim.cancel(bench.write(0, 4096));
  bench.sim.run();
  assert.deepEqual(bench.owner.answers, ['0: 4096 of 4096']);
});

test('holes are answered short, where that is asked for', () => {
  const bench = new Bench({ size: 20_480, shortAtHole: true });
  bench.write(4096, 4096);
  bench.sim.run();
  assert.equal(bench.one('read', 0, 16_384), '0: 8192 of 16384 hole');
  assert.equal(bench.one('read', 0, 8192), '0: 8192 of 8192');
  assert.equal(bench.one('read', 12_288, 4096), '12288: 0 of 4096 hole');
});

test('an end within the last page of data is an end, not a hole', () => {
  const bench = new Bench({ size: 5000, shortAtHole: true });
  bench.sim.media.write(4096, new Uint8Array(904));
  assert.equal(bench.one('read', 0, 8192), '0: 5000 of 8192 end');
});

test('a file that another process truncates or extends', () => {
  const bench = new Bench({
    size: 8192,
    contents: 'random',
    faults: [
      { at: 2, fault: 'resize', size: 1024 },
      { at: 3, fault: 'resize', size: 6000 },
    ],
  });
  assert.equal(bench.one('read', 0, 4096), '0: 4096 of 4096');
  assert.equal(bench.one('read', 0, 4096), '0: 1024 of 4096 end');
  assert.equal(bench.one('read', 4096, 4096), '4096: 1904 of 4096 end');
});

test('limits by place', () => {
  const near = { ...SIM_LIMITS, until: 8192 };
  const bench = new Bench({ limits: [near, SIM_LIMITS] });
  assert.equal(bench.sim.limitsAt(8191, 'write'), near);
  assert.equal(bench.sim.limitsAt(8192, 'write'), SIM_LIMITS);
  assert.throws(() => bench.write(4096, 8192), /passes 8192/);
});

test('broken contracts are caught', () => {
  const limits = {
    ...SIM_LIMITS,
    maxBytes: 8192,
    bestBytes: 8192,
    maxSegments: 1,
    bestSegments: 1,
    boundaryBytes: 8192,
  };
  const bench = new Bench({ limits });
  const broken: [() => Request, RegExp][] = [
    [() => requestOf('write', 0, new Uint8Array(12_288)), /more than 8192 bytes/],
    [() => requestOf('write', 4096, new Uint8Array(8192)), /crosses a multiple/],
    [() => requestOf('write', 100, new Uint8Array(8092), 'end'), /fills 1 units/],
    [() => requestOf('read', 0, new Uint8Array(512), 'end'), /unaligned ends/],
    [() => Object.assign(requestOf('read', 0, new Uint8Array(512)), { bytes: 1024 }), /hold 512 bytes/],
    [() => Object.assign(requestOf('write', 0, new Uint8Array(512)), { payloadBytes: 100 }), /more than its payload/],
  ];
  for (const [make, expected] of broken) {
    const request = make();
    request.begin(bench.owner);
    assert.throws(() => bench.sim.submit(request), expected);
  }
  assert.equal(bench.sim.violations.length, broken.length);
});

test('memory that changes in flight is told, up to the release', () => {
  const told: Error[] = [];
  const bench = new Bench({
    releaseLatency: { minNanos: 1e9, meanNanos: 1e9 },
    onViolation: (failure) => told.push(failure),
  });
  const memory = new Uint8Array(4096).fill(1);
  bench.send('write', 0, memory);
  while (bench.owner.lines.length === 0) bench.sim.clock.step();
  assert.deepEqual(told, []);
  memory[99] = 2;
  bench.sim.run();
  assert.match(
    String(told),
    /request 1, a write of 4096 bytes at 0 \(direct\), changed in flight, first at its byte 99/,
  );
  assert.ok(bench.owner.lines.includes('0: released'));
});

test('overlapping requests are recorded', () => {
  const bench = new Bench({ size: 8192 });
  bench.write(0, 4096);
  bench.write(2048, 4096);
  bench.read(0, 512);
  bench.read(0, 512);
  assert.deepEqual(bench.sim.overlaps, [
    { first: 1, second: 2, offset: 2048, bytes: 2048 },
    { first: 1, second: 3, offset: 0, bytes: 512 },
    { first: 1, second: 4, offset: 0, bytes: 512 },
  ]);
  bench.sim.run();
});

test('an end that is rewritten touches whole units', () => {
  const events: SimEvent[] = [];
  const bench = new Bench({ ends: 'rewrite', onEvent: (event) => events.push(event) });
  bench.send('write', 5000, new Uint8Array(100), 'end');
  bench.sim.run();
  assert.deepEqual([events[0]?.touchedOffset, events[0]?.touchedBytes], [4096, 4096]);
});

test('sync fails with the ledger of what is unknown, then succeeds', async () => {
  const bench = new Bench({ faults: [{ on: 'sync', at: 2, fault: 'EIO' }] });
  const sync = async (): Promise<string> => {
    const done = bench.sim.sync().then(
      () => 'synced',
      (error: DioriteError) => `${error.code} ${error.syscall} ${JSON.stringify(error.extents)}`,
    );
    await bench.sim.settle();
    return done;
  };
  bench.write(0, 4096);
  bench.sim.run();
  assert.equal(await sync(), 'synced');
  bench.write(8192, 4096);
  bench.sim.run();
  assert.equal(await sync(), 'EIO fsync [{"offset":8192,"length":4096,"state":"unknown"}]');
  assert.equal(await sync(), 'synced');
});

test('close waits for the last release, and refuses what comes later', async () => {
  const bench = new Bench();
  bench.write(0, 512);
  let closed = false;
  const closing = bench.sim.close().then(() => {
    closed = true;
  });
  await null;
  assert.equal(closed, false);
  bench.sim.run();
  await closing;
  await bench.sim.close();
  assert.throws(() => bench.write(0, 512), /after close/);
});

test('holes: the map, and zeroing', async () => {
  const bench = new Bench({ size: 16_384 });
  bench.write(4096, 8192);
  bench.sim.run();
  const map = async (): Promise<string[]> => {
    const ranges: string[] = [];
    for await (const range of bench.holes.map(0, 16_384)) ranges.push(`${range.offset}+${range.length}`);
    return ranges;
  };
  assert.deepEqual(await map(), ['4096+4096', '8192+4096']);
  assert.equal(await bench.holes.zero(4096, 4096), 'punched');
  assert.deepEqual(await map(), ['8192+4096']);
  assert.equal(bench.holes.freshReadsZero, true);
  assert.equal(new Bench({ kind: 'device', size: 4096 }).holes.freshReadsZero, false);
});

test('the same seed gives the same run, another seed another', () => {
  const trace = (seed: number): string => {
    const events: string[] = [];
    const bench = new Bench({
      seed,
      size: 65_536,
      faults: [
        { chance: 0.2, fault: 'EIO' },
        { chance: 0.2, fault: 'short' },
      ],
      releaseLatency: { minNanos: 10, meanNanos: 50_000 },
      onEvent: (event) => events.push(`${event.nowNanos} ${event.kind} ${event.number} ${event.result} ${event.code}`),
    });
    for (let i = 0; i < 50; i++) bench.write(i * 1024, 1024);
    bench.sim.run();
    const bytes = new Uint8Array(65_536);
    bench.sim.media.read(0, bytes);
    return events.join('\n') + Buffer.from(bytes).toString('base64');
  };
  assert.equal(trace(5), trace(5));
  assert.notEqual(trace(5), trace(6));
});
