// `diorite copy FILE -`: standard output as a destination, between real processes.
import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { CopyResult } from '../../src/index.js';
import { type Scene, setUp } from './scene.js';
import { shell } from './shell.js';

const MIB = 1024 * 1024;

function variablesOf({ FILE, OUT, ERR }: Scene): Record<string, string> {
  return { FILE, OUT, ERR };
}

function told({ ERR }: Scene): CopyResult {
  return JSON.parse(readFileSync(ERR, 'utf8'));
}

for (const [name, length, reader] of [
  ['all of a file', 8 * MIB, 'cat'],
  ['an odd length', 3 * MIB + 321, 'cat'],
  ['nothing', 0, 'cat'],
  ['a reader of odd chunks', 2 * MIB + 1, 'dd bs=1234 status=none'],
  ['a reader of a single byte first', 4 * MIB, '{ dd bs=1 count=1 status=none; cat; }'],
] as const) {
  test(`a pipe gets ${name} in order, and is told of on standard error`, async (t) => {
    const scene = setUp(t, length);
    const script = `diorite copy "$FILE" - --json 2>"$ERR" | ${reader} >"$OUT"`;
    assert.equal((await shell(script, variablesOf(scene))).code, 0);
    assert.deepEqual(readFileSync(scene.OUT), scene.bytes);
    const result = told(scene);
    assert.equal(result.destination, 'standard output');
    assert.equal(result.bytes, length);
    assert.equal(result.splicedBytes + result.stagedBytes, length);
    assert.equal(result.stable, false);
  });
}

test('a socket gets all of it', async (t) => {
  const scene = setUp(t, 2 * MIB + 7);
  const { code, stdout, stderr } = await shell('diorite copy "$FILE" -', variablesOf(scene));
  assert.equal(code, 0, stderr);
  assert.ok(stdout.equals(scene.bytes));
  assert.match(stderr, /^copied +2\.00 MiB to standard output$/m);
});

test('holes are zeros in a pipe', async (t) => {
  const scene = setUp(t, MIB);
  truncateSync(scene.FILE, 5 * MIB + 5);
  const script = 'diorite copy "$FILE" - | cmp - "$FILE" && cat "$FILE" | cat | diorite copy - - | cmp - "$FILE"';
  assert.equal((await shell(script, variablesOf(scene))).code, 0);
});

test('a reader that is gone: exit status 141, and a line that says so', async (t) => {
  const scene = setUp(t, 8 * MIB);
  for (const from of ['"$FILE"', '- <"$FILE"', '- < <(cat "$FILE")']) {
    const script = `diorite copy ${from.replace(/ .*/, '')} - ${from.replace(/^\S+/, '')} 2>"$ERR" | head -c 5000 >"$OUT"; exit \${PIPESTATUS[0]}`;
    assert.equal((await shell(script, variablesOf(scene))).code, 141, from);
    assert.match(readFileSync(scene.ERR, 'utf8'), /^diorite: EPIPE: nobody reads standard output any more$/m);
    assert.deepEqual(readFileSync(scene.OUT), scene.bytes.subarray(0, 5000));
  }
});

test('a redirected file is written from where it stands, and who comes next goes on behind', async (t) => {
  const scene = setUp(t, 2 * MIB + 99);
  const script = '{ printf before; diorite copy "$FILE" - --json 2>"$ERR"; printf after; } >"$OUT"';
  assert.equal((await shell(script, variablesOf(scene))).code, 0);
  assert.deepEqual(readFileSync(scene.OUT), Buffer.concat([Buffer.from('before'), scene.bytes, Buffer.from('after')]));
  const result = told(scene);
  assert.equal(result.stable, true);
  assert.equal(result.stagedBytes + result.splicedBytes, 0, 'there is no stream');
});

test('what lies behind in a redirected file stays, and holes become zeros', async (t) => {
  const scene = setUp(t, MIB);
  truncateSync(scene.FILE, 4 * MIB);
  writeFileSync(scene.OUT, Buffer.alloc(6 * MIB, 'x'));
  assert.equal((await shell('diorite copy "$FILE" - 2>"$ERR" 1<>"$OUT"', variablesOf(scene))).code, 0);
  const out = readFileSync(scene.OUT);
  assert.equal(out.length, 6 * MIB);
  assert.ok(out.subarray(0, 4 * MIB).equals(readFileSync(scene.FILE)));
  assert.ok(out.subarray(4 * MIB).equals(Buffer.alloc(2 * MIB, 'x')));
});

test('>> appends', async (t) => {
  const scene = setUp(t, MIB + 3);
  writeFileSync(scene.OUT, 'before');
  const script = '{ diorite copy "$FILE" - --json 2>"$ERR"; printf after; } >>"$OUT"';
  assert.equal((await shell(script, variablesOf(scene))).code, 0);
  assert.deepEqual(readFileSync(scene.OUT), Buffer.concat([Buffer.from('before'), scene.bytes, Buffer.from('after')]));
  assert.equal(told(scene).io.write, 'buffered');
});

test('a pipe to a redirected file', async (t) => {
  const scene = setUp(t, 3 * MIB + 5);
  const script = '{ printf before; cat "$FILE" | diorite copy - - --json 2>"$ERR"; printf after; } >"$OUT"';
  assert.equal((await shell(script, variablesOf(scene))).code, 0);
  assert.deepEqual(readFileSync(scene.OUT), Buffer.concat([Buffer.from('before'), scene.bytes, Buffer.from('after')]));
  assert.equal(told(scene).stagedReason, 'it begins at 6, within a block');
});

test('from a pipe to a pipe bytes go on though their producer pauses', async (t) => {
  const scene = setUp(t, 0);
  // The second line is written only when the first has come through.
  const script = `
    mkfifo "$OUT"; exec 7<>"$OUT"
    { echo one; read -r _ <&7; echo two; } | diorite copy - - 2>"$ERR" | { read -r a; echo go >&7; read -r b; echo "$a $b"; }`;
  const { code, stdout } = await shell(script, variablesOf(scene));
  assert.equal(code, 0);
  assert.equal(stdout.toString(), 'one two\n');
});

test('a file beside a pipe: both get all, and the same file twice is refused', async (t) => {
  const scene = setUp(t, MIB + 1);
  const script = 'diorite copy "$FILE" "$OUT" - 2>"$ERR" | cmp - "$FILE"';
  assert.equal((await shell(script, variablesOf(scene))).code, 0);
  assert.deepEqual(readFileSync(scene.OUT), scene.bytes);
  const same = await shell('diorite copy "$FILE" - 1<>"$FILE"', variablesOf(scene));
  assert.equal(same.code, 1);
  assert.match(same.stderr, /are the same file/);
  assert.deepEqual(readFileSync(scene.FILE), scene.bytes);
});

test('refused: to verify, to write where nothing may be written', async (t) => {
  const scene = setUp(t, 100);
  assert.match((await shell('diorite copy "$FILE" - --verify', variablesOf(scene))).stderr, /cannot be read back/);
  assert.match((await shell('diorite copy "$FILE" - 1<"$FILE"', variablesOf(scene))).stderr, /same file|reading only/);
  assert.match((await shell('diorite copy "$FILE" - 1</dev/null', variablesOf(scene))).stderr, /reading only/);
  assert.equal((await shell('diorite copy "$FILE" - >/dev/null', variablesOf(scene))).code, 0);
  assert.equal(statSync(scene.FILE).size, 100);
});
