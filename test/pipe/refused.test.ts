// Hardened hosts filter splice: everything goes on by copies, and says why.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { MoveResult, Spliced } from '../../src/targets/pipe/splice.js';
import { denySplice, runJson } from '../support/children.js';
import { hasAddon } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;

interface Found {
  readonly into: MoveResult;
  readonly intoSame: boolean;
  readonly both: { readonly bytes: number; readonly destinations: readonly Spliced[] };
  readonly bothSame: boolean;
  readonly out: MoveResult;
  readonly outSame: boolean;
  readonly given: string;
}

const SCRIPT = new URL('children/refused.js', import.meta.url);

describe('splice, tee and vmsplice by a filter', { skip: !hasAddon() }, () => {
  it('allowed: nothing is copied', async (t) => {
    const found = (await runJson(SCRIPT, { args: [join(tempDirectory(t), 'file')] })) as Found;
    assert.deepEqual([found.intoSame, found.bothSame, found.outSame, found.given], [true, true, true, 'given']);
    if (found.into.reason !== null) return t.skip(found.into.reason);
    assert.equal(found.into.splicedBytes, MIB);
    assert.equal(found.out.splicedBytes, MIB);
    for (const { splicedBytes } of found.both.destinations) assert.equal(splicedBytes, MIB);
  });

  for (const error of ['EPERM', 'ENOSYS'] as const) {
    it(`refused with ${error}: copied, and it says so; memory cannot be given away`, async (t) => {
      const wrapper = denySplice(t, error);
      if (wrapper === null) return;
      const found = (await runJson(SCRIPT, { wrapper, args: [join(tempDirectory(t), 'file')] })) as Found;
      assert.deepEqual([found.intoSame, found.bothSame, found.outSame, found.given], [true, true, true, error]);
      for (const moved of [found.into, found.out, ...found.both.destinations]) {
        assert.deepEqual([moved.splicedBytes, moved.stagedBytes], [0, MIB]);
        assert.match(moved.reason ?? '', new RegExp(`${error}|not a file`));
      }
    });
  }
});
