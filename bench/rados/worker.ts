// worker CONF KEYRING write|read|fill|connect|idle BYTES OBJECTS SECONDS whole|pages objecter|librados: writes or reads whole
// objects of BYTES for so long, 16 in flight, in a process of its own, and prints what it cost as JSON. fill: writes
// each object once. connect: from nothing to the first byte of an object.
import { randomFillSync } from 'node:crypto';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { SegmentList } from '../../src/plan/request.js';
import { readSettings } from '../../src/targets/rados/auth/settings.js';
import { LibradosStore } from '../../src/targets/rados/librados/librados-store.js';
import type { ObjectStore } from '../../src/targets/rados/osd/object-store.js';
import { Objecter } from '../../src/targets/rados/osd/objecter.js';
import { read, type Step, write } from '../../src/targets/rados/osd/step.js';
import { Random } from '../random.js';

const POOL = 'data';
const PAGE_BYTES = 4096;
const IN_FLIGHT = 16;
const IDLE_MS = 1000;
/** Before it counts: V8 compiles what runs once a request after some thousands of them. Small ones, that soon are done. */
const WARM_REQUESTS = 10_000;
const WARM_BYTES = 4096;
const WARM_SECONDS = 0.5;

/** The memory of one slot: one piece, or pages in an order in which no two meet. */
function segmentsOf(bytes: number, shape: string, seed: number): SegmentList {
  const memory = Buffer.allocUnsafeSlow(bytes);
  randomFillSync(memory);
  const segments = new SegmentList();
  if (shape === 'whole') {
    segments.push(memory.buffer, memory.byteOffset, bytes, false);
    return segments;
  }
  const random = new Random(seed);
  const order = Array.from({ length: bytes / PAGE_BYTES }, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] ?? i, order[i] ?? j];
  }
  for (const page of order) segments.push(memory.buffer, memory.byteOffset + page * PAGE_BYTES, PAGE_BYTES, false);
  return segments;
}

class Mover {
  readonly #store: ObjectStore;
  readonly #pool: number;
  readonly #what: string;
  readonly #slots: readonly SegmentList[];

  constructor(store: ObjectStore, pool: number, what: string, slots: readonly SegmentList[]) {
    this.#store = store;
    this.#pool = pool;
    this.#what = what;
    this.#slots = slots;
  }

  /** Until `isDone` says so, asked before each request: 16 at a time, object after object. Says how many there were. */
  async move(prefix: string, bytes: number, objects: number, isDone: (begun: number) => boolean): Promise<number> {
    let begun = 0;
    const loop = async (slot: SegmentList): Promise<void> => {
      while (!isDone(begun)) {
        const object = { pool: this.#pool, namespace: '', name: `${prefix}-${begun++ % objects}` };
        await this.#store.execute(object, [this.#step(slot, bytes)]);
      }
    };
    await Promise.all(this.#slots.map(loop));
    return begun;
  }

  #step(slot: SegmentList, bytes: number): Step {
    return this.#what === 'read' ? read(0, bytes, slot) : write(0, slot, bytes);
  }
}

function until(seconds: number): () => boolean {
  const endMs = performance.now() + seconds * 1000;
  return () => performance.now() >= endMs;
}

/** Moves objects, and says how many: warm before it counts. */
async function carryOut(store: ObjectStore, pool: number): Promise<number> {
  const slots = Array.from({ length: IN_FLIGHT }, (_, i) => segmentsOf(bytes, shape, i + 1));
  const prefix = `object-${bytes}`;
  if (what === 'fill')
    return await new Mover(store, pool, 'write', slots).move(prefix, bytes, objects, (begun) => begun >= objects);
  const small = slots.map((_, i) => segmentsOf(WARM_BYTES, 'whole', i));
  const enough = (begun: number): boolean => begun >= WARM_REQUESTS;
  await new Mover(store, pool, 'write', small).move('warm', WARM_BYTES, IN_FLIGHT, (begun) => begun >= IN_FLIGHT);
  await new Mover(store, pool, what, small).move('warm', WARM_BYTES, IN_FLIGHT, enough);
  const mover = new Mover(store, pool, what, slots);
  await mover.move(prefix, bytes, objects, until(WARM_SECONDS));
  begin();
  return await mover.move(prefix, bytes, objects, until(seconds));
}

let started = 0;
let cpu = process.cpuUsage();
const delay = monitorEventLoopDelay({ resolution: 1 });

function begin(): void {
  delay.enable();
  delay.reset();
  cpu = process.cpuUsage();
  started = performance.now();
}

const [conf = '', keyring = '', what = '', ...rest] = process.argv.slice(2);
const [bytes = 0, objects = 1, seconds = 1] = rest.slice(0, 3).map(Number);
const [shape = 'whole', driver = 'objecter'] = rest.slice(3);
let moved = 0;
if (what === 'idle') {
  begin();
  await wait(IDLE_MS);
} else {
  begin();
  const objecter = await Objecter.connect(await readSettings({ conf, keyring }));
  const pool = objecter.map.poolNamed(POOL)?.id ?? -1;
  if (what === 'connect') {
    const mover = new Mover(objecter, pool, 'read', [segmentsOf(1, 'whole', 1)]);
    moved = await mover.move(`object-${bytes}`, 1, 1, (begun) => begun > 0);
  } else if (driver === 'librados') {
    const store = await LibradosStore.connect({ conf, keyring });
    moved = await carryOut(store, pool);
    await store.close();
  } else moved = await carryOut(objecter, pool);
  await objecter.close();
}
const elapsed = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
delay.disable();
console.log(
  JSON.stringify({
    seconds: elapsed,
    moved,
    cpuSeconds: (user + system) / 1e6,
    peakMib: process.resourceUsage().maxRSS / 1024,
    loopMs: delay.percentile(99.9) / 1e6,
  }),
);
