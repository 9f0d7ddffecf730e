// `diorite copy -`: standard input as a source, between real processes.
import assert from 'node:assert/strict';
import { constants, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CopyAllResult, CopyResult } from '../../src/index.js';
import { hasCommand } from '../support/needs.js';
import { withFilesystem } from '../support/root-harness.js';
import { temporaryFileAppears } from './command.js';
import { inTo, type Scene, setUp } from './scene.js';
import { shell, startShell } from './shell.js';

const MIB = 1024 * 1024;

function nothingIn(scene: Scene): void {
  assert.deepEqual(inTo(scene), []);
}

async function resultOf(script: string, variables: Readonly<Record<string, string>>): Promise<CopyResult> {
  const { code, stdout, stderr } = await shell(script, variables);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.toString());
}

test('a pipe of whole pages is spliced, and the result says so', async (t) => {
  const { bytes, FILE, OUT } = setUp(t, 8 * MIB);
  const result = await resultOf('cat "$FILE" | diorite copy - "$OUT" --json', { FILE, OUT });
  assert.deepEqual(readFileSync(OUT), bytes);
  assert.equal(result.bytes, bytes.length);
  assert.equal(result.splicedBytes + result.stagedBytes, bytes.length);
  if (result.io.write === 'direct' && result.engine === 'uring') assert.equal(result.splicedBytes, bytes.length);
  assert.equal(result.stagedBytes === 0, result.stagedReason === null);
  // What a program makes that says nothing of modes: 0666 less the umask, and not the bits of the pipe.
  assert.equal(statSync(OUT).mode & 0o777, 0o666 & ~process.umask());
});

for (const [name, length, feed] of [
  ['nothing at all', 0, 'cat "$FILE"'],
  ['a length that fills no page', 3 * MIB + 1234, 'cat "$FILE"'],
  ['chunks of 1,000 bytes', 1_500_500, 'dd if="$FILE" bs=1000 status=none'],
  ['chunks of 70,001 bytes', 5_000_000, 'dd if="$FILE" bs=70001 status=none'],
  ['one byte at a time', 5000, 'dd if="$FILE" bs=1 status=none'],
] as const) {
  test(`${name} arrives whole`, async (t) => {
    const { bytes, FILE, OUT } = setUp(t, length);
    const result = await resultOf(`${feed} | diorite copy - "$OUT" --json`, { FILE, OUT });
    assert.deepEqual(readFileSync(OUT), bytes);
    assert.equal(result.splicedBytes + result.stagedBytes, length);
    assert.equal(result.stagedBytes === 0, result.stagedReason === null);
  });
}

test('text says how the bytes went', async (t) => {
  const { FILE, OUT } = setUp(t, MIB);
  const { stdout } = await shell('cat "$FILE" | diorite copy - "$OUT" --verify', { FILE, OUT });
  assert.match(stdout.toString(), /^pipe +1\.00 MiB staged \(checksums are made of them\)$/m);
  assert.match(stdout.toString(), /^verified +yes/m);
});

test('several destinations get the bytes of one reading, each verified', async (t) => {
  const { bytes, FILE, OUT } = setUp(t, 9 * MIB + 77);
  const script = 'cat "$FILE" | diorite copy - "$OUT" "$OUT.2" "$OUT.3" --json --verify --request-size 1M';
  const { stdout } = await shell(script, { FILE, OUT });
  const result: CopyAllResult = JSON.parse(stdout.toString());
  for (const name of [OUT, `${OUT}.2`, `${OUT}.3`]) assert.deepEqual(readFileSync(name), bytes);
  assert.equal(result.failed, 0);
  for (const each of result.destinations) {
    assert.equal(each.error, null);
    assert.equal(each.error === null && each.stagedReason, 'there are several destinations');
    assert.equal(each.error === null && each.verified, true);
  }
});

test('a redirected file is copied from where it stands, with its holes, and is left at its end', async (t) => {
  const { bytes, FILE, OUT } = setUp(t, 2 * MIB);
  truncateSync(FILE, 64 * MIB);
  const script =
    '{ dd bs=4096 count=3 of=/dev/null status=none; diorite copy - "$OUT" --json --verify; wc -c >&2; } <"$FILE"';
  const { code, stdout, stderr } = await shell(script, { FILE, OUT });
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout.toString());
  assert.equal(result.bytes, 64 * MIB - 3 * 4096);
  assert.equal(result.stagedBytes + result.splicedBytes, 0, 'there is no stream');
  const copied = readFileSync(OUT);
  assert.equal(copied.length, result.bytes);
  assert.deepEqual(copied.subarray(0, bytes.length - 3 * 4096), bytes.subarray(3 * 4096));
  assert.ok(statSync(OUT).blocks * 512 < 8 * MIB, 'holes are holes');
  assert.equal(stderr.trim(), '0', 'who comes next finds the end');
});

test('a redirected file at an odd place', async (t) => {
  const { bytes, FILE, OUT } = setUp(t, MIB + 5);
  const script = '{ head -c 5001 >/dev/null; diorite copy - "$OUT" --verify; } <"$FILE"';
  assert.equal((await shell(script, { FILE, OUT })).code, 0);
  assert.deepEqual(readFileSync(OUT), bytes.subarray(5001));
});

test('a file of /proc as standard input', async (t) => {
  const { OUT } = setUp(t, 0);
  assert.equal((await shell('diorite copy - "$OUT" </proc/self/status', { OUT })).code, 0);
  assert.match(readFileSync(OUT, 'utf8'), /^Name:/);
});

for (const [signal, status] of [
  ['INT', 130],
  ['TERM', 143],
] as const) {
  test(`SIG${signal} while nothing comes leaves nothing`, async (t) => {
    const scene = setUp(t, MIB + 100);
    const { directory, FILE, OUT } = scene;
    const appears = temporaryFileAppears(join(directory, 'to'));
    // Bash starts what it puts in the background with SIGINT ignored, and so there is no `&` here.
    const script = '{ cat "$FILE"; echo $BASHPID >&2; exec sleep 1000; } | exec "$NODE" "$BIN" copy - "$OUT"';
    const run = startShell(`${script}; exit \${PIPESTATUS[1]}`, { FILE, OUT });
    await appears;
    const children = await childrenOf(run.child.pid ?? 0);
    const copying = children.find(({ args }) => args.includes('copy'));
    const sleeping = children.find(({ args }) => !args.includes('copy'));
    assert.ok(copying !== undefined && sleeping !== undefined);
    process.kill(copying.pid, `SIG${signal}`);
    await gone(copying.pid);
    process.kill(sleeping.pid, 'SIGTERM');
    const { code, stderr } = await run.ended;
    assert.equal(code, status, stderr);
    assert.match(stderr, /interrupted: standard input was not copied/);
    nothingIn(scene);
  });
}

test('a terminal is refused with a hint', async (t) => {
  if (!hasCommand('script')) return t.skip('script (util-linux) is missing');
  const scene = setUp(t, 10);
  const { OUT, FILE } = scene;
  const inner = '"$NODE" "$BIN" copy - "$OUT"; echo "status $?"; "$NODE" "$BIN" copy "$FILE" -; echo "status $?"';
  const { stdout } = await shell('script -qec "$INNER" /dev/null', { OUT, FILE, INNER: inner });
  const text = stdout.toString();
  assert.match(text, /Standard input is a terminal: .*PROGRAM \| diorite copy - FILE/);
  assert.match(text, /Standard output is a terminal: .*diorite copy FILE - \| PROGRAM/);
  assert.equal(text.match(/status 1/g)?.length, 2);
  nothingIn(scene);
});

test('on a terminal progress shows bytes and a rate, and a part of it where the size is said', async (t) => {
  if (!hasCommand('script')) return t.skip('script (util-linux) is missing');
  const { OUT, FILE } = setUp(t, 8 * MIB);
  for (const [options, expected] of [
    ['', /copying +[\d.]+ (KiB|MiB) +[\d.]+ MB\/s/],
    ['--size 8M', /copying .*\d+% .* of 8\.00 MiB/],
  ] as const) {
    const inner = `cat "$FILE" | "$NODE" "$BIN" copy - "$OUT" --force ${options}`;
    const { stdout } = await shell('script -qec "$INNER" /dev/null </dev/null', { OUT, FILE, INNER: inner });
    assert.match(stdout.toString(), expected);
  }
});

test('a directory, as input or to go into, is refused: standard input has no name', async (t) => {
  const scene = setUp(t, 10);
  const { directory, OUT } = scene;
  assert.match((await shell('diorite copy - "$OUT" <"$TO"', { OUT, TO: directory })).stderr, /EISDIR/);
  assert.match((await shell('echo x | diorite copy - "$TO"', { TO: join(directory, 'to') })).stderr, /EISDIR/);
  nothingIn(scene);
});

test('an old file is refused without --force, and keeps its bytes until the new one is whole', async (t) => {
  const { bytes, FILE, OUT } = setUp(t, 100_000);
  writeFileSync(OUT, 'old');
  assert.match((await shell('cat "$FILE" | diorite copy - "$OUT"', { FILE, OUT })).stderr, /exists/);
  assert.equal(readFileSync(OUT, 'utf8'), 'old');
  assert.equal((await shell('cat "$FILE" | diorite copy - "$OUT" --force', { FILE, OUT })).code, 0);
  assert.deepEqual(readFileSync(OUT), bytes);
});

test('a full disk ends it, though the source goes on for ever', async (t) => {
  for (const kind of ['ext4', 'tmpfs'] as const) {
    await withFilesystem(t, kind, { sizeMib: 32 }, async ({ directory }) => {
      const OUT = join(directory, 'out');
      const { code, stderr } = await shell(`yes | diorite copy - "$OUT"; exit \${PIPESTATUS[1]}`, { OUT });
      assert.equal(code, 1);
      assert.match(stderr, /ENOSPC/);
      assert.deepEqual(
        readdirSync(directory).filter((name) => name !== 'lost+found'),
        [],
      );
    });
  }
});

test('O_NONBLOCK is not set on what others share', async (t) => {
  const { directory, OUT } = setUp(t, 0);
  const FIFO = join(directory, 'fifo');
  const appears = temporaryFileAppears(join(directory, 'to'));
  // One description is input, output and error: of the copy, and of the shell.
  const run = startShell('mkfifo "$FIFO"; exec 8<>"$FIFO"; diorite copy - "$OUT" <&8 >&8 2>&8', { FIFO, OUT });
  await appears;
  try {
    const info = readFileSync(`/proc/${run.child.pid}/fdinfo/8`, 'latin1');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '', 8);
    assert.equal(flags & constants.O_NONBLOCK, 0);
  } finally {
    for (const { pid } of await childrenOf(run.child.pid ?? 0)) process.kill(pid, 'SIGTERM');
    await run.ended;
  }
});

interface Child {
  readonly pid: number;
  readonly args: readonly string[];
}

async function childrenOf(pid: number): Promise<Child[]> {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
  return children.filter(Boolean).map((child) => ({
    pid: Number(child),
    args: readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0'),
  }));
}

/** Polled: only its parent is told. A zombie is gone. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
