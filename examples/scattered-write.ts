// Writes 64 pieces that lie scattered in memory as one range of a file: node dist/examples/scattered-write.js [FILE]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'diorite';
import { Region } from 'diorite/memory';

const PIECE = 16 * 1024;
const path = process.argv[2] ?? join(tmpdir(), 'diorite-scattered');

// A region is page-aligned memory: what lies there goes to the disk as it is. Every other piece, so that none touch.
const { bytes } = new Region(128 * PIECE);
const pieces = Array.from({ length: 64 }, (_, i) => bytes.subarray(2 * i * PIECE, (2 * i + 1) * PIECE).fill(i));

await using file = await open(path, 'w');
const result = await file.writev(pieces, 0);
await file.datasync();

console.log(`${result.bytesWritten} bytes, requests: ${result.requests}, io: ${result.io}`);
console.log(`${result.copiedBytes} bytes were copied, ${result.bufferedBytes} went through the page cache`);
