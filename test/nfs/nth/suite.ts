// Every message of a client goes wrong once, in every way: it ends well, or with an error that tells the truth.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nfsConnections } from '../../../src/targets/nfs/connect.js';
import { assertNoLeaks } from '../../support/leaks.js';
import { memoryDirectory } from '../../support/temp.js';
import type { NfsVersion } from '../ganesha.js';
import { happeningsFor } from './faults.js';
import { messagesOf, strikeEach } from './run.js';
import { SCENES } from './scenes.js';

/** Of the whole run, with some hundred servers in this process. */
const MEMORY_KIB_MAX = 1024 * 1024;

export function nthFaultSuite(version: NfsVersion): void {
  const cleanups: (() => void | Promise<void>)[] = [];
  const directory = memoryDirectory({ after: (hook) => cleanups.push(hook) });

  after(async () => {
    for (const cleanup of cleanups) await cleanup();
    assert.equal(nfsConnections.size, 0, 'no connection is left');
    assertNoLeaks();
    const { maxRSS } = process.resourceUsage();
    assert.ok(maxRSS < MEMORY_KIB_MAX, `${maxRSS} KiB were taken`);
  });

  for (const [i, scene] of SCENES.entries()) {
    describe(`NFS ${version}: ${scene.name}, and one message`, () => {
      const local = join(directory, String(i));
      let messages = 0;

      before(async () => {
        mkdirSync(local);
        messages = await messagesOf(scene, version, local);
      });

      for (const [j, happening] of happeningsFor(version, scene.tried).entries()) {
        it(happening.name, async (t) => {
          const inner = join(local, String(j));
          mkdirSync(inner);
          const { struck, failed } = await strikeEach(scene, happening, version, inner, messages);
          t.diagnostic(`${struck} messages, ${failed} errors`);
          assert.ok(struck >= messages / 2, `only ${struck} of ${messages} messages were struck`);
        });
      }
    });
  }
}
