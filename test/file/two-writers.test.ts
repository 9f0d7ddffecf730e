// Another process writes other bytes of the same blocks all the while: no byte of either is lost.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { FILE_BYTES, ranges, type Writer, writeRounds } from '../support/shared-blocks.js';

const ROUNDS = 10_000;
const CHILD: string = fileURLToPath(new URL('children/other-writer.js', import.meta.url));

interface Variant {
  readonly kind: FilesystemKind;
  readonly engine: 'uring' | 'threads';
  /** What the other process writes with. */
  readonly other: 'node' | 'diorite';
}

const VARIANTS: readonly Variant[] = [
  { kind: 'here', engine: 'uring', other: 'node' },
  { kind: 'here', engine: 'threads', other: 'node' },
  { kind: 'here', engine: 'uring', other: 'diorite' },
  { kind: 'xfs-4kn', engine: 'uring', other: 'node' },
  { kind: 'xfs-4kn', engine: 'threads', other: 'diorite' },
];

type OtherWriter = ChildProcessByStdio<Writable, Readable, null>;

/** The other process says "enough" after its rounds, goes on until its input ends, and then checks its own bytes. */
class Other {
  readonly #child: OtherWriter;
  readonly #exit: Promise<number | null>;
  enough = false;

  constructor(path: string, writer: string) {
    this.#child = spawn(process.execPath, [CHILD, path, writer, String(ROUNDS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exit = new Promise((resolve) => this.#child.on('close', resolve));
    createInterface(this.#child.stdout).on('line', (line) => {
      if (line === 'enough') this.enough = true;
    });
    this.#child.on('close', () => {
      this.enough = true;
    });
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    assert.equal(await this.#exit, 0, 'the other process found its bytes as it wrote them');
  }
}

function assertOwnBytes(path: string, latest: ReadonlyMap<number, number>): void {
  const bytes = readFileSync(path);
  assert.equal(bytes.length, FILE_BYTES);
  for (const range of ranges('parent')) {
    const value = latest.get(range.offset) ?? 0;
    const found = bytes.subarray(range.offset, range.offset + range.length);
    assert.ok(
      found.every((byte) => byte === value),
      `bytes ${range.offset}+${range.length} are not all ${value}`,
    );
  }
}

for (const { kind, engine, other } of VARIANTS) {
  test(`${ROUNDS} rounds on ${kind}, ${engine} beside ${other}`, async (t) => {
    if (!requireAddon(t)) return;
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      const path = join(directory, 'shared');
      writeFileSync(path, new Uint8Array(FILE_BYTES));
      const file = await open(path, 'r+', { engine });
      const neighbour = new Other(path, other);
      const writer: Writer = {
        write: async (bytes, offset) => (await file.write(bytes, 0, bytes.length, offset)).bytesWritten,
        read: async (bytes, offset) => (await file.read(bytes, 0, bytes.length, offset)).bytesRead,
      };
      const latest = await writeRounds(writer, 'parent', (rounds) => rounds >= ROUNDS && neighbour.enough);
      await neighbour.stop();
      await file.close();
      assertOwnBytes(path, latest);
    });
    assertNoLeaks();
  });
}
