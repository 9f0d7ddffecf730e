// A process that stands still for longer than nfs-ganesha's lease on its files, as a laptop that was closed: it goes on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lastFirst, memoryDirectory } from '../support/temp.js';
import { type Ganesha, requireGanesha, startGanesha } from './ganesha.js';

const BYTES = 128 * 1024 * 1024;
const LEASE_SECONDS = 2;
/** The lease has ended, and the server has noticed: it looks every half of one. */
const STOPPED_MS = 2 * LEASE_SECONDS * 1000;

/** Stopped once, when a quarter is done. Resolves with its exit status and what it complained of. */
async function copyWithStop(from: string, to: string): Promise<[number | null, string]> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('children/copier.js', import.meta.url)), from, to], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  child.kill('SIGSTOP');
  await pause(STOPPED_MS);
  child.kill('SIGCONT');
  await ended;
  return [child.exitCode, errors];
}

async function start(t: TestContext): Promise<{ server: Ganesha; local: string; bytes: Buffer }> {
  const ends = lastFirst(t);
  const local = memoryDirectory(ends);
  const vfsDirectory = join(local, 'vfs');
  mkdirSync(vfsDirectory);
  chmodSync(vfsDirectory, 0o777);
  const bytes = Buffer.alloc(BYTES);
  // No page is another's.
  for (let at = 0; at < BYTES; at += 4096) bytes.writeUInt32LE(at / 4096 + 1, at);
  writeFileSync(join(local, 'source'), bytes);
  const lease = { graceless: false, leaseSeconds: LEASE_SECONDS, graceSeconds: LEASE_SECONDS };
  return { server: await startGanesha(ends, { versions: ['4.1'], vfsDirectory, ...lease }), local, bytes };
}

describe('a copy that stands still for longer than the lease', () => {
  it('to the server, and one from it, end byte for byte', async (t) => {
    if (!requireGanesha(t)) return;
    const { server, local, bytes } = await start(t);
    const url = server.url('4.1', '/vfs/copy').href;
    assert.deepEqual(await copyWithStop(join(local, 'source'), url), [0, '']);
    assert.deepEqual(readdirSync(server.vfsDirectory), ['copy']);
    assert.ok(readFileSync(join(server.vfsDirectory, 'copy')).equals(bytes));
    assert.deepEqual(await copyWithStop(url, join(local, 'back')), [0, '']);
    assert.ok(readFileSync(join(local, 'back')).equals(bytes));
  });
});
