// Striped files opened and made: readers need no lock, writers share one with all others who write.

import type { Striping } from '../../striping.js';
import type { Looked } from '../body.js';
import type { PoolRef } from '../osd/pool-ref.js';
import { StripedBody } from './striped-body.js';
import { lockFile, type StoredHead } from './striped-file.js';
import { begin, finish } from './unfinished.js';

export interface OpenedStriped {
  readonly body: StripedBody;
  readonly looked: Looked;
}

export async function openStriped(
  pool: PoolRef,
  name: string,
  head: StoredHead,
  writes: boolean,
): Promise<OpenedStriped> {
  const { striping } = head;
  const lock = writes ? await lockFile(pool, name, { exclusive: false, mustExist: true }) : null;
  return { body: new StripedBody({ pool, name, striping, lock }), looked: head };
}

/** An empty file, for everybody to see. EEXIST where there is one. */
export async function createStriped(pool: PoolRef, name: string, striping: Striping): Promise<OpenedStriped> {
  const head = { striping, sizeBytes: 0 };
  const lock = await begin(pool, name, { ...head, replace: false });
  await finish(pool, name, head, lock);
  return openStriped(pool, name, { ...head, mtimeMs: Date.now() }, true);
}
