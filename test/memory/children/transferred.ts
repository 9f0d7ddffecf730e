// Child of lifetime.test.ts: the caller transfers its buffers away while reads and writes use them. PATH.
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from '../../../src/index.js';
import { report } from './common.js';

const READ_BYTES = 1024 * 1024;
const COUNT = 8;

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : String(error);
}

const path = process.argv[2] ?? '';
const content = Buffer.alloc(READ_BYTES * COUNT);
for (let i = 0; i < content.length; i += 4) content.writeUInt32LE((i * 2654435761) >>> 0, i);
writeFileSync(path, content);

const file = await open(path, 'r+');
let lost = 0;

/** What was read is in the memory, wherever that is now; or the call says that it could not be put there. */
async function readIntoTransferred(index: number): Promise<void> {
  const buffer = new ArrayBuffer(READ_BYTES);
  const call = file
    .read(new Uint8Array(buffer), 0, READ_BYTES, index * READ_BYTES)
    .then(() => 'read' as unknown, codeOf);
  const moved = structuredClone(buffer, { transfer: [buffer] });
  const outcome = await call;
  const expected = content.subarray(index * READ_BYTES, (index + 1) * READ_BYTES);
  const landed = Buffer.compare(new Uint8Array(moved), expected) === 0;
  if (outcome === 'read' ? !landed : outcome !== 'ERR_DIORITE_DETACHED') lost++;
}

/** A write resolves only if the file has the bytes; a rejected one may have written some of them, or none. */
async function writeFromTransferred(index: number): Promise<void> {
  const buffer = new ArrayBuffer(READ_BYTES);
  new Uint8Array(buffer).fill(0x77);
  const call = file
    .write(new Uint8Array(buffer), 0, READ_BYTES, index * READ_BYTES)
    .then(() => 'written' as unknown, codeOf);
  structuredClone(buffer, { transfer: [buffer] });
  const outcome = await call;
  const found = readFileSync(path).subarray(index * READ_BYTES, (index + 1) * READ_BYTES);
  if (outcome === 'written' ? !found.every((byte) => byte === 0x77) : outcome !== 'ERR_DIORITE_DETACHED') lost++;
}

await Promise.all(Array.from({ length: COUNT }, (_, index) => readIntoTransferred(index)));
for (let index = 0; index < COUNT; index++) await writeFromTransferred(index);

const gone = new ArrayBuffer(4096);
const view = new Uint8Array(gone);
structuredClone(gone, { transfer: [gone] });
const refused = await file.writev([view], 0).then(() => 'taken' as unknown, codeOf);
await file.close();
report({ lost, refused });
