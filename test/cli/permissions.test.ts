// Permission bits and owners: those that `cp` gives, compared with the real one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AS_NOBODY, publicScript, requireNobody } from '../support/children.js';
import { needs } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { CLI } from './command.js';

const UMASKS = ['000', '022', '077'];
const MODES = [0o644, 0o600, 0o777, 0o4755, 0o2755, 0o1666, 0o440];

/** Runs a command under an umask. */
function under(umask: string, command: readonly string[], wrapper: readonly string[] = []): void {
  const [name = '', ...args] = [...wrapper, 'sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...command];
  execFileSync(name, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function bitsOf(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}

for (const umask of UMASKS) {
  test(`umask ${umask}`, (t) => {
    if (!needs(t, 'cp', 'sh')) return;
    const directory = tempDirectory(t);
    for (const [i, mode] of MODES.entries()) {
      const source = join(directory, `source-${i}`);
      writeFileSync(source, 'bytes');
      chmodSync(source, mode);
      const existing = MODES[(i + 3) % MODES.length] ?? 0;
      const targets = ['cp', 'diorite'].map((by) => ({
        fresh: join(directory, `${by}-new-${i}`),
        old: join(directory, `${by}-old-${i}`),
      }));
      for (const { old } of targets) {
        writeFileSync(old, 'old');
        chmodSync(old, existing);
      }
      const [byCp, byDiorite] = targets;
      assert.ok(byCp !== undefined && byDiorite !== undefined);
      const copy = [process.execPath, fileURLToPath(CLI), 'copy', '--force', source];
      under(umask, ['cp', source, byCp.fresh]);
      under(umask, [...copy, byDiorite.fresh]);
      assert.equal(bitsOf(byDiorite.fresh), bitsOf(byCp.fresh), `new file from ${mode.toString(8)}`);
      under(umask, ['cp', source, byCp.old]);
      under(umask, [...copy, byDiorite.old]);
      assert.equal(
        bitsOf(byDiorite.old),
        bitsOf(byCp.old),
        `${existing.toString(8)} replaced from ${mode.toString(8)}`,
      );
    }
  });
}

test('a replaced file keeps its owner where that can be done', (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('needs root, to give files away');
    return;
  }
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const old = join(directory, 'old');
  writeFileSync(source, 'bytes');
  writeFileSync(old, 'old');
  chownSync(old, 65534, 65533);
  chmodSync(old, 0o4751);
  under('022', [process.execPath, fileURLToPath(CLI), 'copy', '--force', source, old]);
  assert.equal(bitsOf(old), '4751 65534:65533');
});

test('who is not root loses set-user-ID and set-group-ID of a replaced file, as by cp', (t) => {
  if (!requireNobody(t)) return;
  const directory = tempDirectory(t);
  chmodSync(directory, 0o777);
  const source = join(directory, 'source');
  writeFileSync(source, 'bytes');
  const script = fileURLToPath(publicScript(new URL('./start.js', import.meta.url)));
  for (const mode of [0o4755, 0o2755, 0o2745, 0o6777]) {
    const paths = ['cp', 'diorite'].map((by) => join(directory, `${by}-${mode.toString(8)}`));
    for (const path of paths) {
      writeFileSync(path, 'old');
      chownSync(path, 65534, 65534);
      chmodSync(path, mode);
    }
    const [byCp = '', byDiorite = ''] = paths;
    under('022', ['cp', source, byCp], AS_NOBODY);
    under('022', [process.execPath, script, 'copy', '--force', source, byDiorite], AS_NOBODY);
    assert.equal(bitsOf(byDiorite), bitsOf(byCp), mode.toString(8));
  }
});
