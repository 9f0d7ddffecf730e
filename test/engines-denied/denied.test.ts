// io_uring refused, memory that may not be locked, no addon, no permission: the other engine with the reason, or one
// clear error.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AS_NOBODY, type ChildOptions, denyUring, publicScript, requireNobody, runJson } from '../support/children.js';
import { needs, requireAddon } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';

/** What children/engine.js finds out by using a file. */
interface Found {
  readonly engine: string;
  readonly reason: string | null;
  readonly roundTrip: boolean;
  /** The same when the ring is asked for by name. */
  readonly askedForUring: string;
}

const SCRIPT = new URL('children/engine.js', import.meta.url);

async function find(t: TestContext, options: ChildOptions, script: URL = SCRIPT): Promise<Found> {
  const directory = tempDirectory(t);
  chmodSync(directory, 0o777);
  return (await runJson(script, { ...options, args: [join(directory, 'file')] })) as Found;
}

function assertThreads(found: Found, reason: RegExp): void {
  assert.equal(found.engine, 'threads');
  assert.match(found.reason ?? '', reason);
  assert.equal(found.roundTrip, true, 'what was written is read');
  assert.match(found.askedForUring, /^ERR_DIORITE_UNSUPPORTED: /, 'who asks for the ring gets the ring or an error');
  assert.match(found.askedForUring, reason, 'and learns why not');
}

test('nothing refused: the ring', async (t) => {
  if (!requireAddon(t)) return;
  const found = await find(t, {});
  if (found.engine === 'threads') {
    t.skip(`this machine refuses the ring: ${found.reason}`);
    return;
  }
  assert.deepEqual([found.engine, found.reason, found.roundTrip], ['uring', null, true]);
});

test('io_uring refused by seccomp', async (t) => {
  if (!requireAddon(t)) return;
  const wrapper = denyUring(t);
  if (wrapper === null) return;
  assertThreads(await find(t, { wrapper }), /EPERM|not permitted/);
});

test('no memory may be locked', async (t) => {
  if (!requireAddon(t) || !needs(t, 'prlimit') || !requireNobody(t)) return;
  const wrapper = ['prlimit', '--memlock=0', '--', ...AS_NOBODY];
  assertThreads(await find(t, { wrapper }, publicScript(SCRIPT)), /ENOMEM|memlock/i);
});

test('nobody, with nothing refused, gets the same engine as root', async (t) => {
  if (!requireAddon(t) || !requireNobody(t)) return;
  const asRoot = await find(t, {});
  const found = await find(t, { wrapper: AS_NOBODY }, publicScript(SCRIPT));
  assert.deepEqual([found.engine, found.roundTrip], [asRoot.engine, true]);
});

test('no addon', async (t) => {
  assertThreads(await find(t, { env: { DIORITE_ADDON: 'off' } }), /DIORITE_ADDON/);
});

test('the threads engine by the environment', async (t) => {
  const found = await find(t, { env: { DIORITE_ENGINE: 'threads' } });
  assert.equal(found.engine, 'threads');
  assert.match(found.reason ?? '', /DIORITE_ENGINE/);
  assert.equal(found.roundTrip, true);
});

test('connections to servers go through node:net where there is no ring, and say why', async (t) => {
  const script = new URL('children/connection.js', import.meta.url);
  const denied: (readonly [ChildOptions, RegExp])[] = [
    [{ env: { DIORITE_TRANSPORT: 'net' } }, /DIORITE_TRANSPORT/],
    [{ env: { DIORITE_ENGINE: 'threads' } }, /DIORITE_ENGINE/],
    [{ env: { DIORITE_ADDON: 'off' } }, /DIORITE_ADDON/],
  ];
  const wrapper = requireAddon(t) ? denyUring(t) : null;
  if (wrapper !== null) denied.push([{ wrapper }, /EPERM|not permitted/]);
  for (const [options, reason] of denied) {
    const found = (await runJson(script, options)) as { name: string; reason: string; roundTrip: boolean };
    assert.deepEqual([found.name, found.roundTrip], ['node:net', true]);
    assert.match(found.reason, reason);
  }
});

test('what nobody may not do is one error each, and changes nothing', async (t) => {
  if (!requireNobody(t)) return;
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'secret'), 'of root', { mode: 0o600 });
  writeFileSync(join(directory, 'public'), 'of root', { mode: 0o644 });
  mkdirSync(join(directory, 'closed'), { mode: 0o700 });
  const script = publicScript(new URL('children/forbidden.js', import.meta.url));
  const found = await runJson(script, { args: [directory], wrapper: AS_NOBODY });
  const error = (path: string) => ({ code: 'EACCES', errno: -13, syscall: 'open', path: join(directory, path) });
  assert.deepEqual(found, [
    { call: 'r secret', ...error('secret') },
    { call: 'r+ public', ...error('public') },
    { call: 'w public', ...error('public') },
    { call: 'wx new', ...error('new') },
    { call: 'r closed/file', ...error('closed/file') },
  ]);
});
