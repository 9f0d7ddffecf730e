// Splices to and from files on every kind of file system: where pages may go as they lie they do, and where nobody would
// look at how they lie they do not.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import type { FileTarget } from '../../src/targets/file/file-target.js';
import { checksPages, uncheckedProblem } from '../../src/targets/pipe/checked.js';
import { type MoveResult, moveFileToPipe, movePipeToFile } from '../../src/targets/pipe/splice.js';
import { spliceSome } from '../../src/targets/pipe/steps.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { withFilesystem } from '../support/root-harness.js';
import { fdOf, socketPair } from '../support/sockets.js';
import { contentsOf, feed, fileOf, streamOver } from './movers.js';
import { patternBytes, TestPipe } from './pipes.js';

const MIB = 1024 * 1024;
const EAGAIN = -11;
const KINDS = ['here', 'ext4', 'xfs', 'xfs-4kn', 'btrfs', 'btrfs-nocow', 'tmpfs', 'overlay', 'zram-xfs'] as const;

/** What a program does that splices from its connection to its standard output: pieces of any length, beginning anywhere. */
async function spliceFromSocket(t: TestContext, bytes: Buffer, pipe: TestPipe): Promise<void> {
  const [near, far] = await socketPair(t, 'tcp');
  far.end(bytes);
  const { engine } = chooseEngine('auto');
  for (let at = 0; at < bytes.length; ) {
    const moved = await spliceSome(engine, fdOf(near), pipe.writes, MIB);
    if (moved > 0) at += moved;
    else assert.equal(moved, EAGAIN);
  }
  pipe.close('writes');
}

function into(t: TestContext, pipe: TestPipe, target: FileTarget): Promise<MoveResult> {
  return movePipeToFile({ source: streamOver(t, pipe.reads), target });
}

async function all(t: TestContext, directory: string): Promise<void> {
  const path = join(directory, 'file');
  const targets: FileTarget[] = [];
  const make = async (contents: Uint8Array = new Uint8Array(0)): Promise<FileTarget> => {
    const target = await fileOf(t, path, contents);
    targets.push(target);
    return target;
  };
  const bytes = patternBytes(5 * MIB + 12_345, 3);

  const target = await make();
  const mayGo = target.splices.problem('write') === null && uncheckedProblem(target.facts) === null;
  const whole = new TestPipe(t, MIB);
  void feed(whole, bytes, () => MIB, MIB);
  const moved = await into(t, whole, target);
  assert.ok(contentsOf(path).equals(bytes));
  assert.equal(moved.splicedBytes + moved.stagedBytes, bytes.length);
  if (mayGo) assert.ok(moved.splicedBytes >= 5 * MIB, `${moved.splicedBytes} spliced: ${moved.reason}`);
  else assert.equal(moved.splicedBytes, 0);
  t.diagnostic(`${moved.splicedBytes} of ${bytes.length} bytes spliced (${moved.reason})`);

  const odd = new TestPipe(t, MIB);
  void feed(odd, bytes, () => 7001, MIB);
  await into(t, odd, await make());
  assert.ok(contentsOf(path).equals(bytes));

  const foreign = new TestPipe(t, MIB);
  const [spliced] = await Promise.all([into(t, foreign, await make()), spliceFromSocket(t, bytes, foreign)]);
  assert.equal(spliced.bytes, bytes.length);
  assert.ok(contentsOf(path).equals(bytes), 'pieces of a socket’s do not pass for pages');

  const out = new TestPipe(t, MIB);
  const got: Buffer[] = [];
  const from = await make(bytes);
  const back = await moveFileToPipe({
    target: from,
    sink: streamOver(t, out.writes),
    onProgress: () => void got.push(out.drain()),
  });
  assert.ok(Buffer.concat(got).equals(bytes));
  assert.equal(back.bytes, bytes.length);
  if (from.splices.problem('read') === null) assert.equal(back.splicedBytes, bytes.length);
  // It is unmounted before the test ends.
  for (const each of targets) await each.close();
  assertNoLeaks();
}

describe('splices on file systems', { skip: !hasAddon() }, () => {
  for (const kind of KINDS) {
    it(kind, (t) => withFilesystem(t, kind, {}, ({ directory }) => all(t, directory)));
  }

  it('who checks how pages lie is known of the device: loops do, zram does not', async (t) => {
    for (const [kind, checks] of [
      ['ext4', true],
      ['zram-xfs', false],
    ] as const) {
      await withFilesystem(t, kind, {}, async ({ directory }) => {
        const target = await fileOf(t, join(directory, 'file'), new Uint8Array(0));
        const { facts } = target;
        await target.close();
        assert.equal(checksPages(facts), checks);
        assert.equal(uncheckedProblem(facts) === null, checks);
      });
    }
  });
});
