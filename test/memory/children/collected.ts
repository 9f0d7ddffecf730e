// Child of lifetime.test.ts: buffers and files that nobody holds any more, collected while I/O uses them. PATH.
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from '../../../src/index.js';
import { BLOCK_BYTES, report } from './common.js';

const ROUNDS = 40;
const IN_FLIGHT = 32;
const READ_BYTES = 64 * 1024 + 17;

const path = process.argv[2] ?? '';
const content = Buffer.alloc(8 * 1024 * 1024);
for (let i = 0; i < content.length; i += 4) content.writeUInt32LE((i * 2654435761) >>> 0, i);
writeFileSync(path, content);

function collect(): void {
  const gc = globalThis.gc;
  if (gc === undefined) throw new Error('needs --expose-gc');
  gc();
  // New garbage in the place of the old: what was freed too early is overwritten.
  for (let i = 0; i < 64; i++) Buffer.alloc(READ_BYTES, 0xdd);
}

/** Nothing but the read itself holds the buffer until it resolves. */
async function readAndCompare(file: Awaited<ReturnType<typeof open>>, offset: number, bytes: number): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, offset);
  return Buffer.compare(buffer.subarray(0, bytesRead), content.subarray(offset, offset + bytes)) === 0;
}

let wrongReads = 0;
const source = await open(path, 'r');
for (let round = 0; round < ROUNDS; round++) {
  const reads: Promise<boolean>[] = [];
  for (let i = 0; i < IN_FLIGHT; i++) {
    const isAligned = i % 2 === 0;
    const offset = isAligned ? i * 16 * BLOCK_BYTES : i * 100_003;
    reads.push(readAndCompare(source, offset, isAligned ? 16 * BLOCK_BYTES : READ_BYTES));
  }
  collect();
  for (const isRight of await Promise.all(reads)) if (!isRight) wrongReads++;
}
await source.close();

// Writes whose buffer and promise are dropped at once: only the library knows them.
const target = await open(`${path}.out`, 'wx');
let settled = 0;
let failed = 0;
for (let offset = 0; offset < content.length; offset += READ_BYTES) {
  const piece = Uint8Array.prototype.slice.call(content, offset, offset + READ_BYTES);
  void target.write(piece, 0, piece.length, offset).then(
    () => settled++,
    () => failed++,
  );
  if (offset % (READ_BYTES * 16) === 0) collect();
}
collect();
await target.close();
const fileIsRight = failed === 0 && settled > 0 && Buffer.compare(readFileSync(`${path}.out`), content) === 0;
report({ wrongReads, fileIsRight });
