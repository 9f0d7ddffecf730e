// Where an object is said to be, as requests have it.
import type { DencWriter } from '../denc/writer.js';

/** CEPH_NOSNAP: the object as it is now. */
export const NO_SNAP = 0xfffffffffffffffen;

/** object_locator_t. `key`: to place it by instead of its name; '': none. */
export function writeLocator(writer: DencWriter, pool: number, namespace: string, key: string): void {
  writer.enter(6, 3);
  writer.size(pool);
  writer.s32(-1); // preferred
  writer.string(key);
  writer.string(namespace);
  writer.s64(-1n); // hash: by the name
  writer.leave();
}
