// The objects of a pool, page by page: placement groups are asked one after the other, in the order of hashes.
import { errors } from '../../../base/errors.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { type PoolRef, placeText } from './pool-ref.js';
import { listObjects } from './step.js';

/** osd_max_pgls: an OSD gives no more at once. */
const PAGE_OBJECTS = 1024;
/** Three strings. */
const ENTRY_BYTES_MIN = 12;
/** librados::all_nspaces. */
export const ALL_NAMESPACES = '\x01';
const TEXT_BYTES_MAX = 16 * 1024;
/** hobject_t of no pool: before all others. */
const NO_POOL = -(2n ** 63n);

export interface ListedObject {
  /** '': the default one. */
  readonly namespace: string;
  readonly name: string;
  /** What it is placed by instead of its name; '': its name. */
  readonly locator: string;
}

/** hobject_t: where a listing stands. */
export interface Cursor {
  readonly key: string;
  readonly name: string;
  readonly snapshot: bigint;
  readonly hash: number;
  /** Behind all others. */
  readonly isEnd: boolean;
  readonly namespace: string;
  readonly pool: bigint;
}

const START: Cursor = { key: '', name: '', snapshot: 0n, hash: 0, isEnd: false, namespace: '', pool: NO_POOL };

function encode({ key, name, snapshot, hash, isEnd, namespace, pool }: Cursor): Buffer {
  const writer = new DencWriter();
  writer.enter(4, 3);
  writer.string(key);
  writer.string(name);
  writer.u64(snapshot);
  writer.u32(hash);
  writer.bool(isEnd);
  writer.string(namespace);
  writer.s64(pool);
  writer.leave();
  return writer.bytes;
}

function readCursor(reader: DencReader): Cursor {
  const version = reader.enter('hobject_t', 4);
  if (version < 4) throw reader.error(`its version is ${version}: a cluster from before 2014`);
  const cursor = {
    key: reader.string(TEXT_BYTES_MAX),
    name: reader.string(TEXT_BYTES_MAX),
    snapshot: reader.u64(),
    hash: reader.u32(),
    isEnd: reader.bool(),
    namespace: reader.string(TEXT_BYTES_MAX),
    pool: reader.s64(),
  };
  reader.leave();
  return cursor;
}

/** pg_nls_response_t: of `listObjects`. */
export function readPage(data: Uint8Array): { objects: ListedObject[]; next: Cursor } {
  const reader = new DencReader(data, 'a list of objects');
  reader.enter('pg_nls_response_t', 1);
  const next = readCursor(reader);
  const count = reader.list(PAGE_OBJECTS, ENTRY_BYTES_MIN);
  const objects = Array.from({ length: count }, () => ({
    namespace: reader.string(TEXT_BYTES_MAX),
    name: reader.string(TEXT_BYTES_MAX),
    locator: reader.string(TEXT_BYTES_MAX),
  }));
  reader.leave();
  return { objects, next };
}

/**
 * Those of the namespace, or of ALL_NAMESPACES, as they are when their page is asked for, at most PAGE_OBJECTS at a
 * time and none for stretches where there is none. The next page is asked for when it is wanted. Groups that split or
 * merge meanwhile change nothing: the cursor stands in the hashes, which stay.
 */
export async function* listPages(pool: PoolRef): AsyncGenerator<readonly ListedObject[], void, void> {
  for (let cursor = START; !cursor.isEnd; ) {
    const { hash } = cursor;
    const sent = encode(cursor);
    const object = { pool: pool.pool, namespace: pool.namespace, name: '', hash };
    const { steps } = await pool.objecter.execute(object, [listObjects(sent, PAGE_OBJECTS)]);
    const { objects, next } = readPage(steps[0]?.data ?? new Uint8Array(0));
    if (objects.length > 0) yield objects;
    if (encode(next).equals(sent))
      throw errors.make('ERR_DIORITE_NO_PROGRESS', `the list of ${placeText(pool, '')} does not go on`);
    cursor = next;
  }
}
