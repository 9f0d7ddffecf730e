// What the library holds between operations must be nothing.
import assert from 'node:assert/strict';
import { hostPages } from '../../src/memory/pages.js';
import { defaultPool } from '../../src/memory/pool.js';

/** No lease is out and no page is pinned. To be called when nothing is in flight. */
export function assertNoLeaks(): void {
  assert.equal(defaultPool().leased, 0, 'every lease is released');
  assert.equal(hostPages().held, 0, 'every pin is put back');
}
