// What the tests of streams share: files with known bytes, operations that are held, errors that are caught.
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { after } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { Region } from '../../src/memory/region.js';
import type { Operation } from '../../src/targets/file/engines/engine.js';

export const MIB: number = 1024 * 1024;
export const EIO = -5;

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

/** A path that nothing is at. */
export function fresh(): string {
  return join(directory, `file-${files++}`);
}

export function randomBytes(bytes: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(bytes));
}

export function fileOf(bytes: number): { readonly path: string; readonly data: Buffer } {
  const path = fresh();
  const data = randomBytes(bytes);
  writeFileSync(path, data);
  return { path, data };
}

/** Random bytes in page-aligned memory. */
export function aligned(bytes: number): Uint8Array {
  const view = new Uint8Array(new Region(bytes).buffer, 0, bytes);
  randomFillSync(view);
  return view;
}

export function errorOf(stream: Readable | Writable): Promise<DioriteError> {
  return new Promise((resolve) => stream.once('error', (error) => resolve(error as DioriteError)));
}

export function closeOf(stream: Readable | Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

/** The answer of the operation waits until what is returned is called. */
export function hold(operation: Operation): () => void {
  const complete = operation.complete.bind(operation);
  let answer: number | null = null;
  let released = false;
  operation.complete = (result) => {
    operation.complete = complete;
    if (released) complete(result);
    else answer = result;
  };
  return () => {
    released = true;
    if (answer !== null) complete(answer);
  };
}

/** Turns of the event loop until it is so; what never becomes so runs into the test's own time limit. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
