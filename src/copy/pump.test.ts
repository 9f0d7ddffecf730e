// The pipeline of a copy, over memory: order of issue, bounds, failures, abort.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pool } from '../memory/pool.js';
import { cellsOf } from './cells.js';
import { CopyLedger } from './copy-ledger.js';
import { fillPiecewise } from './fill.js';
import { Lane, type Sink } from './lane.js';
import { memoryFor, type PumpInput, pump, type Reader } from './pump.js';
import { pumpUntilEnd } from './stream-pump.js';

const CELL = 4096;
const COUNT = 40;
const SIZE = COUNT * CELL - 100;

/** What happened, in order, and answers that are given when the test says so. */
class Stage {
  readonly log: string[] = [];
  readonly written = new Uint8Array(SIZE);
  readonly source: Uint8Array = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >> 12)) & 0xff);
  inFlight = 0;
  inFlightMost = 0;
  failReadAt = -1;
  failWriteAt = -1;
  /** Later operations are answered first. */
  #turn = 0;

  async #operation(name: string, cell: number): Promise<void> {
    this.log.push(`${name} ${cell}`);
    this.inFlight++;
    this.inFlightMost = Math.max(this.inFlightMost, this.inFlight);
    for (let i = this.#turn++ % 7; i > 0; i--) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    this.inFlight--;
    this.log.push(`${name} ${cell} done`);
  }

  readonly reader: Reader = {
    read: async (view, position) => {
      await this.#operation('read', position / CELL);
      if (position / CELL === this.failReadAt) throw new Error('no read');
      const bytes = this.source.subarray(position, position + view.length);
      view.set(bytes);
      return bytes.length;
    },
  };

  sink(sequential = false): Sink {
    return {
      sequential,
      freshReadsZero: true,
      write: async (bytes, position) => {
        const copied = bytes.slice();
        await this.#operation('write', position / CELL);
        if (position / CELL === this.failWriteAt) throw new Error('no write');
        this.written.set(copied, position);
      },
      zero: () => Promise.resolve(),
    };
  }

  issued(name: string): number[] {
    return this.log
      .filter((line) => line.startsWith(name) && !line.endsWith('done'))
      .map((line) => Number(line.split(' ')[1]));
  }
}

function laneOf(sink: Sink, depth = 4): Lane {
  return new Lane(sink, depth, new CopyLedger(SIZE));
}

/** What fails in the only lane is what fails. */
async function move(input: PumpInput): Promise<void> {
  await pump(input);
  for (const { failure } of input.lanes) if (failure !== null) throw failure.error;
}

function inputFor(stage: Stage, changes: Partial<PumpInput> = {}): PumpInput {
  return {
    cells: cellsOf([{ offset: 0, length: SIZE }], SIZE, CELL),
    reader: stage.reader,
    lanes: [laneOf(stage.sink())],
    pool: new Pool({ bytesMax: 1024 * 1024 }),
    depth: 4,
    cellBytes: CELL,
    leaseBytes: CELL,
    signal: undefined,
    done: () => {},
    ended: (position) => new Error(`ended at ${position}`),
    ...changes,
  };
}

const IN_ORDER: readonly number[] = Array.from({ length: COUNT }, (_, i) => i);

test('all bytes arrive; reads and writes are issued in file order, and no more than the depth at a time', async () => {
  const stage = new Stage();
  const pool = new Pool({ bytesMax: 1024 * 1024 });
  await pump(inputFor(stage, { pool }));
  assert.deepEqual(stage.written, stage.source);
  assert.deepEqual(stage.issued('read'), IN_ORDER);
  assert.deepEqual(stage.issued('write'), IN_ORDER);
  assert.equal(stage.inFlightMost, 4);
  assert.equal(pool.leased, 0);
});

test('with a pace there are as many pieces on the way as it says, from cell to cell, and its memory comes back', async () => {
  for (const depths of [
    [2, 6],
    [6, 2],
    [3, 8, 2, 5],
    [1, 1],
  ]) {
    const stage = new Stage();
    const pool = new Pool({ bytesMax: 1024 * 1024 });
    let users = 0;
    let answers = 0;
    let most = 0;
    const pace = {
      get depth() {
        return depths[Math.floor((answers * depths.length) / COUNT)] ?? depths[0] ?? 1;
      },
      used: (by: 1 | -1) => {
        users += by;
      },
      answered: (bytes: number) => {
        answers++;
        assert(bytes > 0 && bytes <= CELL);
        most = Math.max(most, pool.leased);
      },
    };
    await pump(inputFor(stage, { pool, pace, depth: depths[0] ?? 1, lanes: [laneOf(stage.sink(), 8)] }));
    assert.deepEqual(stage.written, stage.source);
    assert.deepEqual(stage.issued('write'), IN_ORDER);
    assert.equal(answers, COUNT);
    assert.equal(users, 0);
    assert.equal(stage.inFlightMost, Math.max(...depths));
    assert(most <= CELL * Math.max(...depths));
    assert.equal(pool.leased, 0);
  }
});

test('a pool that has no more memory keeps a pace from growing, and a failure ends all its slots', async () => {
  const stage = new Stage();
  const pool = new Pool({ bytesMax: 8 * CELL });
  const pace = { depth: 8, used: () => {}, answered: () => {} };
  await pump(inputFor(stage, { pool, pace, depth: 2, lanes: [laneOf(stage.sink(), 8)] }));
  assert.equal(stage.inFlightMost, 4);
  assert.equal(pool.leased, 0);
  const failing = new Stage();
  failing.failReadAt = 20;
  await assert.rejects(pump(inputFor(failing, { pool, pace, lanes: [laneOf(failing.sink(), 8)] })), /no read/);
  assert.equal(pool.leased, 0);
});

test('a sequential sink gets the next write when the last one is done', async () => {
  const stage = new Stage();
  await pump(inputFor(stage, { lanes: [laneOf(stage.sink(true))] }));
  assert.deepEqual(stage.written, stage.source);
  const writes = stage.log.filter((line) => line.startsWith('write'));
  for (let i = 0; i < writes.length; i += 2) assert.equal(`${writes[i]} done`, writes[i + 1]);
});

for (const [name, at] of [
  ['failReadAt', 0],
  ['failReadAt', 17],
  ['failWriteAt', 0],
  ['failWriteAt', 17],
  ['failWriteAt', COUNT - 1],
] as const) {
  test(`${name} ${at}: the first failure is thrown, nothing is in flight, every lease is back`, async () => {
    const stage = new Stage();
    stage[name] = at;
    const pool = new Pool({ bytesMax: 1024 * 1024 });
    await assert.rejects(move(inputFor(stage, { pool })), /no (read|write)/);
    assert.equal(stage.inFlight, 0);
    assert.equal(pool.leased, 0);
    assert.ok(stage.issued('read').length <= at + 8, 'nothing new was started');
  });
}

test('an abort ends it, with nothing in flight', async () => {
  const stage = new Stage();
  const controller = new AbortController();
  const running = pump(
    inputFor(stage, {
      signal: controller.signal,
      done: ({ offset }) => {
        if (offset === 5 * CELL) controller.abort();
      },
    }),
  );
  await assert.rejects(running, { name: 'AbortError' });
  assert.equal(stage.inFlight, 0);
  assert.ok(stage.issued('write').length < COUNT);
});

test('a lane that fails is out, with its ledger, and the others are whole', async () => {
  const [good, bad] = [new Stage(), new Stage()];
  bad.failWriteAt = 17;
  const ledgers = [new CopyLedger(SIZE), new CopyLedger(SIZE)] as const;
  const lanes = [new Lane(good.sink(), 4, ledgers[0]), new Lane(bad.sink(), 4, ledgers[1])];
  await pump(inputFor(good, { lanes, depth: 8 }));
  assert.deepEqual(good.written, good.source);
  assert.deepEqual(await Promise.all(lanes.map(({ ended }) => ended)), ['whole', 'failed']);
  assert.deepEqual(ledgers[0].extents(), [{ offset: 0, length: SIZE, state: 'done' }]);
  const unknown = ledgers[1].extents().filter(({ state }) => state === 'unknown');
  assert.deepEqual(unknown, [{ offset: 17 * CELL, length: CELL, state: 'unknown' }]);
  const last = ledgers[1].extents().at(-1);
  assert.equal(last?.state, 'failed');
  assert.equal((last?.offset ?? 0) + (last?.length ?? 0), SIZE);
  assert.ok(bad.issued('write').length <= 17 + 4, 'nothing new was sent to it');
});

test('when every lane has failed nothing more is read', async () => {
  const stage = new Stage();
  const lanes = [0, 1, 2].map(() => {
    const bad = new Stage();
    bad.failWriteAt = 5;
    return laneOf(bad.sink());
  });
  await pump(inputFor(stage, { lanes }));
  assert.ok(lanes.every(({ failure }) => failure !== null));
  assert.ok(stage.issued('read').length <= 5 + 8);
});

test('a lane that waits holds the others back by the slots there are, and no sooner', async () => {
  const SLOTS = 6;
  const [fast, slow] = [new Stage(), new Stage()];
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const sink = slow.sink();
  const waiting: Sink = { ...sink, write: (bytes, position) => gate.then(() => sink.write(bytes, position)) };
  let reads = 0;
  const reader: Reader = {
    read: (view, position) => {
      // The last one that there is a slot for: nothing can be read after it until the gate opens.
      if (++reads === SLOTS) setImmediate(() => setImmediate(open));
      return fast.reader.read(view, position);
    },
  };
  let doneBeforeOpen = true;
  void gate.then(() => {
    doneBeforeOpen = false;
    assert.equal(reads, SLOTS);
  });
  const done = (): void => assert.equal(doneBeforeOpen, false);
  const lanes = [laneOf(fast.sink(), 2), laneOf(waiting, 2)];
  await pump(inputFor(fast, { lanes, reader, depth: SLOTS, done }));
  assert.deepEqual(fast.written, fast.source);
  assert.deepEqual(slow.written, fast.source);
  assert.equal(slow.inFlightMost, 2, 'by its own depth');
});

test('an abort stops lanes that are not done, also after the last cell was taken', async () => {
  const stage = new Stage();
  const controller = new AbortController();
  const sink = stage.sink();
  const lane = laneOf(
    {
      ...sink,
      write: async (bytes, position) => {
        if (position === (COUNT - 4) * CELL) controller.abort();
        await sink.write(bytes, position);
      },
    },
    1,
  );
  await assert.rejects(pump(inputFor(stage, { lanes: [lane], depth: 4, signal: controller.signal })), {
    name: 'AbortError',
  });
  assert.equal(await lane.ended, 'stopped');
});

test('a source that ends early is told of', async () => {
  const stage = new Stage();
  const size = SIZE + 5 * CELL;
  await assert.rejects(
    pump(
      inputFor(stage, {
        cells: cellsOf([{ offset: 0, length: size }], size, CELL),
        lanes: [laneOf({ ...stage.sink(), write: async () => {} })],
      }),
    ),
    { message: `ended at ${SIZE}` },
  );
});

test('with memory for one slot it goes on, one cell at a time', async () => {
  const stage = new Stage();
  const pool = new Pool({ bytesMax: 2 * CELL, regionBytes: 2 * CELL });
  await pump(inputFor(stage, { pool, depth: 100 }));
  assert.equal(stage.inFlightMost, 1);
  assert.deepEqual(stage.written, stage.source);
});

test('many at a time take turns when there is memory for one only', async () => {
  const pool = new Pool({ bytesMax: 2 * CELL, regionBytes: 2 * CELL });
  const stages = Array.from({ length: 10 }, () => new Stage());
  await Promise.all(stages.map((stage) => pump(inputFor(stage, { pool, depth: 3 }))));
  for (const stage of stages) assert.deepEqual(stage.written, stage.source);
  assert.equal(pool.leased, 0);
});

test('a source of unknown size is read until it ends, however little it gives at a time', async () => {
  const stage = new Stage();
  const { cells: _cells, ended: _ended, leaseBytes: _leaseBytes, reader: _reader, ...input } = inputFor(stage);
  const reader: Reader = {
    read: async (view, position) => {
      const bytes = stage.source.subarray(position, Math.min(SIZE, position + Math.min(view.length, 1000)));
      view.set(bytes);
      return bytes.length;
    },
  };
  const fill = (view: Uint8Array, position: number): Promise<number> => fillPiecewise(reader, view, position);
  assert.equal(await pumpUntilEnd({ ...input, fill, stop: () => {} }), SIZE);
  assert.deepEqual(stage.written, stage.source);
});

test('a small file needs little memory', () => {
  assert.deepEqual(memoryFor(0, 65536, 8), { depth: 1, leaseBytes: 4096 });
  assert.deepEqual(memoryFor(5000, 65536, 8), { depth: 1, leaseBytes: 8192 });
  assert.deepEqual(memoryFor(65537, 65536, 8), { depth: 2, leaseBytes: 65536 });
  assert.deepEqual(memoryFor(2 ** 40, 65536, 8), { depth: 8, leaseBytes: 65536 });
});
