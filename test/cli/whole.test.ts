// A source that dies in the middle leaves nothing that looks complete, as far as anybody can know that it died.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CopyResult, copy } from '../../src/index.js';
import { loadAddon } from '../../src/memory/addon.js';
import { temporaryFileAppears } from './command.js';
import { inTo, setUp } from './scene.js';
import { shell, startShell } from './shell.js';

const MIB = 1024 * 1024;

/** Whether the kernel tells how processes ended that are not our children: Linux 6.15. */
function tellsStatus(t: TestContext): boolean {
  const addon = loadAddon();
  const pidfd = addon?.processOpen(process.pid) ?? -1;
  if (addon !== null && pidfd >= 0 && addon.processStatus(pidfd) === -11) return true;
  t.skip('this kernel does not tell how others’ children ended');
  return false;
}

// More than a pipe holds: whoever writes it is still there when it is looked for.
for (const [what, producer, told] of [
  [
    'is killed',
    'sh -c \'head -c 1000000 "$FILE"; kill -KILL $$\'',
    /sh \(process \d+\), which .* was killed by SIGKILL/,
  ],
  ['fails', '{ head -c 1000000 "$FILE"; exit 3; }', /bash \(process \d+\), which wrote to it, ended with status 3/],
] as const) {
  test(`a program that ${what} after a million bytes: nothing is published`, async (t) => {
    if (!tellsStatus(t)) return;
    const scene = setUp(t, 2 * MIB);
    const { FILE, OUT } = scene;
    const run = await shell(`${producer} | diorite copy - "$OUT"; exit \${PIPESTATUS[1]}`, { FILE, OUT });
    assert.match(run.stderr, told);
    assert.equal(run.code, 4);
    assert.deepEqual(inTo(scene), []);
    const json = await shell(`${producer} | diorite copy - "$OUT" "$OUT.2" --json`, { FILE, OUT });
    assert.equal(JSON.parse(json.stdout.toString()).error.code, 'ERR_DIORITE_SOURCE_FAILED');
    assert.deepEqual(inTo(scene), []);
    // Who knows better gets it.
    const any = await shell(`${producer} | diorite copy - "$OUT" --any-status --json; exit \${PIPESTATUS[1]}`, {
      FILE,
      OUT,
    });
    assert.equal(any.code, 0, any.stderr);
    assert.deepEqual([statSync(OUT).size, JSON.parse(any.stdout.toString()).wholeBy], [1_000_000, null]);
  });
}

test('a program that is killed while it writes: nothing is published, and an old file keeps its bytes', async (t) => {
  if (!tellsStatus(t)) return;
  const scene = setUp(t, MIB);
  const { directory, FILE, OUT } = scene;
  writeFileSync(OUT, 'old');
  const appears = temporaryFileAppears(join(directory, 'to'));
  const PID = join(directory, 'pid');
  const producer = 'sh -c \'echo $$ >"$PID"; cat "$FILE"; exec sleep 1000\'';
  const run = startShell(`${producer} | diorite copy - "$OUT" --force; exit \${PIPESTATUS[1]}`, { FILE, OUT, PID });
  await appears;
  process.kill(Number(readFileSync(PID, 'utf8')), 'SIGKILL');
  const { stderr } = await run.ended;
  assert.match(stderr, / \(process \d+\), which wrote to it, was killed by SIGKILL/);
  assert.deepEqual(inTo(scene), ['out']);
  assert.equal(readFileSync(OUT, 'utf8'), 'old');
});

test('a program that bash began for <( ) fails', async (t) => {
  if (!tellsStatus(t)) return;
  const scene = setUp(t, 2 * MIB);
  const { code, stderr } = await shell('diorite copy - "$OUT" < <(cat "$FILE"; exit 7)', {
    FILE: scene.FILE,
    OUT: scene.OUT,
  });
  assert.equal(code, 4);
  assert.match(stderr, /ended with status 7/);
  assert.deepEqual(inTo(scene), []);
});

test('a program that ends well, or goes on without its pipe, is no failure; the result says what is known', async (t) => {
  if (!tellsStatus(t)) return;
  const { FILE, OUT, bytes } = setUp(t, 2 * MIB);
  for (const [producer, wholeBy] of [
    ['cat "$FILE"', 'status'],
    // It closes its end, and fails later.
    ['{ cat "$FILE"; exec 1>&-; read -r _ <&7; exit 1; }', null],
  ] as const) {
    const script = `mkfifo "$OUT.fifo"; exec 7<>"$OUT.fifo"; ${producer} | { diorite copy - "$OUT" --force --json; echo go >&7; }; rm "$OUT.fifo"`;
    const { stdout, stderr } = await shell(script, { FILE, OUT });
    const result: CopyResult = JSON.parse(stdout.toString() || JSON.stringify({ stderr }));
    assert.deepEqual([result.bytes, result.wholeBy], [bytes.length, wholeBy]);
  }
  const text = await shell('cat "$FILE" | diorite copy - "$OUT" --force', { FILE, OUT });
  assert.match(text.stdout.toString(), /^source +its program ended with status 0$/m);
});

test('--size: what is shorter or longer is not published; what is as long is, and progress has a total', async (t) => {
  const scene = setUp(t, 3 * MIB + 5);
  const { FILE, OUT, bytes } = scene;
  for (const options of ['', '--verify', '"$OUT.2"']) {
    for (const [size, told] of [
      [bytes.length + 1, /it ended after 3145733 of 3145734 bytes/],
      [bytes.length - 1, /it has more than 3145732 bytes/],
      [0, /it has more than 0 bytes/],
    ] as const) {
      const { code, stderr } = await shell(
        `cat "$FILE" | diorite copy - "$OUT" ${options} --size ${size}; exit \${PIPESTATUS[1]}`,
        { FILE, OUT },
      );
      assert.match(stderr, told);
      assert.equal(code, 4, options);
      assert.deepEqual(inTo(scene), []);
    }
  }
  const { stdout } = await shell('cat "$FILE" | diorite copy - "$OUT" --size 3145733 --json', { FILE, OUT });
  assert.equal(JSON.parse(stdout.toString()).wholeBy, 'size');
  assert.ok(readFileSync(OUT).equals(bytes));
  // Of a file it is checked before anything is made.
  await assert.rejects(copy(FILE, `${OUT}.3`, { size: 5 }), { code: 'ERR_DIORITE_SOURCE_FAILED' });
  assert.deepEqual(inTo(scene), ['out']);
});

test('--size with a source that never ends: it is ended', async (t) => {
  const scene = setUp(t, 0);
  const { stderr } = await shell('yes | diorite copy - "$OUT" --size 1M', { OUT: scene.OUT });
  assert.match(stderr, /it has more than 1048576 bytes/);
  assert.deepEqual(inTo(scene), []);
});

test('--size that is none is wrong usage', async () => {
  assert.equal((await shell('diorite copy - x --size much </dev/null')).code, 2);
  assert.equal((await shell('diorite copy - x --size -1 </dev/null')).code, 2);
});

test('a connection that is reset is an error, and nothing is published', async (t) => {
  const scene = setUp(t, 0);
  const server = createServer((socket) => {
    socket.write(Buffer.alloc(300_000, 1), () => socket.resetAndDestroy());
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const script = `diorite copy - "$OUT" <>/dev/tcp/127.0.0.1/${address.port}`;
  const { code, stderr } = await shell(script, { OUT: scene.OUT });
  assert.equal(code, 1);
  assert.match(stderr, /ECONNRESET/);
  assert.deepEqual(inTo(scene), []);
});
