// Files in a Ceph cluster as subjects of the suite: one object or a striped file, looked at from outside by a client of its own.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { type RadosConnection, RadosConnections } from '../../src/targets/rados/connections.js';
import { lookAtObject } from '../../src/targets/rados/object-body.js';
import { openRadosTarget } from '../../src/targets/rados/open.js';
import { OP_COPY_FROM } from '../../src/targets/rados/osd/codes.js';
import type { Objecter } from '../../src/targets/rados/osd/objecter.js';
import { isError, objectIn, type PoolRef } from '../../src/targets/rados/osd/pool-ref.js';
import type { OsdRequest, RequestResult } from '../../src/targets/rados/osd/request.js';
import { getXattr, read, readStat, type Step, stat, write, writeFull } from '../../src/targets/rados/osd/step.js';
import { RadosPublishing } from '../../src/targets/rados/publish.js';
import { begin, finish } from '../../src/targets/rados/striped/unfinished.js';
import { parseRadosUrl } from '../../src/targets/rados/url.js';
import type { Cluster } from '../rados/cluster.js';
import { segmentsOf } from '../rados/object-client.js';
import { urlOf } from '../rados/urls.js';
import type { Opened, OpenOptions, Properties, Subject } from './subject.js';

/** Small, so that small files take several requests. */
const REQUEST_BYTES = 65_536;
const EIO = -5;

export interface RadosShape {
  readonly name: string;
  readonly pool?: string;
  /** Null: one object. */
  readonly striping: { readonly unit: number; readonly count: number; readonly object: number } | null;
}

export const ONE_OBJECT: RadosShape = { name: 'one object', striping: null };
export const STRIPED: RadosShape = { name: 'striped', striping: { unit: 65_536, count: 3, object: 131_072 } };

/** A cluster does not fail by number: what it answers is changed on its way to the target. */
class Failing {
  readonly #fails: OpenOptions['fails'];
  #count = 0;

  constructor(fails: OpenOptions['fails']) {
    this.#fails = fails;
  }

  wrap(objecter: Objecter): Objecter {
    const fails = this.#fails;
    if (fails === undefined) return objecter;
    const submit = (request: OsdRequest): void => {
      const isData = request.steps.some(({ payloadBytes, memoryBytes }) => payloadBytes + memoryBytes > 0);
      const direction = request.isWriting ? 'write' : 'read';
      if (isData && direction === fails.on && ++this.#count === fails.at) {
        const result: RequestResult = { result: EIO, version: 0n, steps: [] };
        queueMicrotask(() => request.user.answered(result));
      } else objecter.submit(request);
    };
    return replacing(objecter, 'submit', submit);
  }
}

let numbers = 0;

export interface RadosSubject extends Subject {
  /** Before its cluster ends. */
  close(): Promise<void>;
}

/** What makes one object out of another is refused the second time. */
function failingSecondCopy(): (objecter: Objecter) => Objecter {
  let copies = 0;
  return (objecter) =>
    replacing(objecter, 'execute', async (object, steps, flags) => {
      if (steps.some(({ code }) => code === OP_COPY_FROM) && ++copies === 2)
        throw new DioriteError('EIO: the copy fails for the sake of a test', { code: 'EIO', errno: EIO });
      return objecter.execute(object, steps, flags);
    });
}

function replacing<K extends keyof Objecter>(objecter: Objecter, name: K, value: Objecter[K]): Objecter {
  return new Proxy(objecter, {
    get(_target, key) {
      if (key === name) return value;
      // Private fields are those of the real one.
      const found: unknown = Reflect.get(objecter, key, objecter);
      return typeof found === 'function' ? found.bind(objecter) : found;
    },
  });
}

/** `cluster`: once it runs. Each file has a name of its own; all share a connection, but for those whose requests fail. */
export function radosSubject(shape: RadosShape, title: string, cluster: () => Cluster): RadosSubject {
  const properties: Properties = {
    seekable: true,
    knowsSize: true,
    grows: true,
    durable: 'answer',
    failedSync: 'keeps',
    holes: shape.striping !== null,
    layout: shape.striping !== null,
    rewritesEnds: false,
    // A striped file that is there is not replaced at once: its publishing has tests of its own.
    publishes: shape.striping === null,
    releases: 'answered',
  };
  const connections = new RadosConnections();
  let connecting: Promise<RadosConnection> | null = null;
  const store: Subject['store'] = async (t, { failing }) => {
    const { pool = 'data' } = shape;
    const prefix = `${++numbers}-`;
    connecting ??= connections.acquire(parseRadosUrl(urlOf(cluster(), prefix, {}, pool)).cluster);
    const ref = await (await connecting).poolRef(pool, '');
    const url = (name: string): string => urlOf(cluster(), prefix + name, { striped: 'no' }, pool);
    const faulty = failing ? new RadosConnections(failingSecondCopy()) : connections;
    const files = new RadosPublishing(faulty, { requestBytes: REQUEST_BYTES });
    t.after(async () => {
      const names = (await cluster().tool('rados', '-p', pool, 'ls')).toString().split('\n');
      assert.deepEqual(
        names.filter((name) => name.startsWith('.')),
        [],
        'nothing temporary is left',
      );
    });
    return {
      publishing: { cannotPublish: files.cannotPublish, begin: (name, options) => files.begin(url(name), options) },
      async look(name) {
        if ((await lookAtObject(ref, prefix + name)) === null) return null;
        return new Outside(ref, shape, prefix + name).peek(0, Number.MAX_SAFE_INTEGER);
      },
    };
  };
  return {
    name: `rados: ${shape.name}, ${title}`,
    properties,
    async open(t, options) {
      const name = `file-${++numbers}`;
      const { pool = 'data' } = shape;
      const url = urlOf(cluster(), name, { striped: shape.striping === null ? 'no' : 'yes' }, pool);
      connecting ??= connections.acquire(parseRadosUrl(url).cluster);
      const outside = new Outside(await (await connecting).poolRef(pool, ''), shape, name);
      return open(t, outside, url, connections, options);
    },
    ...(shape.striping === null ? { store } : {}),
    close: async () => (await connecting)?.release(),
  };
}

/** Where a byte of the file lies: in which object, at which offset there, and for how many bytes on. */
function placeOf(
  { striping }: RadosShape,
  name: string,
  at: number,
): { object: string; offset: number; bytes: number } {
  if (striping === null) return { object: name, offset: at, bytes: Number.POSITIVE_INFINITY };
  const { unit, count, object } = striping;
  const block = Math.floor(at / unit);
  const stripe = Math.floor(block / count);
  const perObject = object / unit;
  const number = Math.floor(stripe / perObject) * count + (block % count);
  const offset = (stripe % perObject) * unit + (at % unit);
  return { object: `${name}.${number.toString(16).padStart(16, '0')}`, offset, bytes: unit - (at % unit) };
}

/** The objects themselves, asked one by one. */
class Outside {
  readonly #pool: PoolRef;
  readonly #shape: RadosShape;
  readonly #name: string;

  constructor(pool: PoolRef, shape: RadosShape, name: string) {
    this.#pool = pool;
    this.#shape = shape;
    this.#name = name;
  }

  async fill(contents: Uint8Array): Promise<void> {
    const { striping } = this.#shape;
    if (striping === null) {
      await this.#execute(this.#name, [writeFull(segmentsOf(Buffer.from(contents)), contents.length)]);
      return;
    }
    const head = {
      striping: { stripeUnitBytes: striping.unit, stripeCount: striping.count, objectBytes: striping.object },
      sizeBytes: contents.length,
    };
    const lock = await begin(this.#pool, this.#name, { ...head, replace: false });
    await this.#each(0, contents.length, async (object, offset, from, bytes) => {
      const part = Buffer.from(contents.subarray(from, from + bytes));
      await this.#execute(object, [write(offset, segmentsOf(part), part.length)]);
    });
    await finish(this.#pool, this.#name, head, lock);
  }

  async peek(offset: number, bytes: number): Promise<Uint8Array> {
    const size = await this.#size();
    const found = new Uint8Array(Math.max(0, Math.min(bytes, size - offset)));
    await this.#each(offset, found.length, async (object, at, from, length) => {
      try {
        const { steps } = await this.#execute(object, [read(at, length)]);
        found.set(steps[0]?.data ?? [], from);
      } catch (error) {
        if (!isError(error, 'ENOENT') || this.#shape.striping === null) throw error;
      }
    });
    return found;
  }

  async #size(): Promise<number> {
    if (this.#shape.striping === null) {
      const { steps } = await this.#execute(this.#name, [stat()]);
      return readStat(steps[0]?.data ?? new Uint8Array(0)).bytes;
    }
    const { steps } = await this.#execute(placeOf(this.#shape, this.#name, 0).object, [getXattr('striper.size')]);
    return Number(Buffer.from(steps[0]?.data ?? []).toString());
  }

  #execute(object: string, steps: readonly Step[]): Promise<RequestResult> {
    return this.#pool.objecter.execute(objectIn(this.#pool, object), steps);
  }

  async #each(
    offset: number,
    bytes: number,
    f: (object: string, at: number, from: number, bytes: number) => Promise<void>,
  ): Promise<void> {
    const all: Promise<void>[] = [];
    for (let from = 0; from < bytes; ) {
      const place = placeOf(this.#shape, this.#name, offset + from);
      const length = Math.min(place.bytes, bytes - from);
      all.push(f(place.object, place.offset, from, length));
      from += length;
    }
    await Promise.all(all);
  }
}

async function open(
  t: TestContext,
  outside: Outside,
  url: string,
  shared: RadosConnections,
  { contents = new Uint8Array(0), fails }: OpenOptions,
): Promise<Opened> {
  await outside.fill(contents);
  const failing = new Failing(fails);
  const connections = fails === undefined ? shared : new RadosConnections((objecter) => failing.wrap(objecter));
  const target = await openRadosTarget(connections, url, 'r+', { requestBytes: REQUEST_BYTES });
  t.after(() => target.close());
  return { target, peek: (offset, bytes) => outside.peek(offset, bytes) };
}
