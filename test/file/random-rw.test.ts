// 3,000 random unaligned reads and writes on every file system and both engines give what a byte array gives.
import { join } from 'node:path';
import { test } from 'node:test';
import { runJson } from '../support/children.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';
import { randomRounds } from '../support/random-rw.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';

const ENGINES = ['uring', 'threads'] as const;

/** btrfs goes through the page cache and takes a checksum of every byte: fewer rounds show as much. */
const ROUNDS: Partial<Record<FilesystemKind, number>> = {
  here: 1000,
  ext4: 3000,
  xfs: 3000,
  'xfs-4kn': 3000,
  tmpfs: 3000,
  btrfs: 1000,
  'ext4-journal': 600,
  'zram-xfs': 600,
};

for (const [kind, rounds] of Object.entries(ROUNDS) as [FilesystemKind, number][]) {
  for (const engine of ENGINES) {
    test(`${rounds} rounds on ${kind}, ${engine}`, async (t) => {
      if (!requireAddon(t)) return;
      await withFilesystem(t, kind, {}, async ({ directory }) => {
        await withSeed((_, seed) => randomRounds(join(directory, 'file'), { rounds, seed, engine }));
      });
      assertNoLeaks();
    });
  }

  test(`${rounds / 4} rounds on ${kind}, without the addon`, async (t) => {
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      await withSeed(async (_, seed) => {
        const script = new URL('children/random-rw.js', import.meta.url);
        const args = [join(directory, 'file'), String(rounds / 4), String(seed)];
        await runJson(script, { args, env: { DIORITE_ADDON: 'off' } });
      });
    });
  });
}

for (const io of ['drop-behind', 'buffered'] as const) {
  test(`600 rounds, io: ${io}`, async (t) => {
    await withFilesystem(t, 'here', {}, async ({ directory }) => {
      await withSeed((_, seed) => randomRounds(join(directory, 'file'), { rounds: 600, seed, io }));
    });
    assertNoLeaks();
  });
}
