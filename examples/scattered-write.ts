// Writes 256 pages that lie scattered in memory as one range of a file: node dist/examples/scattered-write.js [FILE]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, Region } from 'diorite';

const PAGE = 4096;
const path = process.argv[2] ?? join(tmpdir(), 'diorite-scattered');

// A region is page-aligned memory: what lies there goes to the disk as it is. Every other page, so that none touch.
const { bytes } = new Region(512 * PAGE);
const pages = Array.from({ length: 256 }, (_, i) => bytes.subarray(2 * i * PAGE, (2 * i + 1) * PAGE).fill(i));

await using file = await open(path, 'w');
const result = await file.writev(pages, 0);
await file.datasync();

console.log(`${result.bytesWritten} bytes, requests: ${result.requests}, io: ${result.io}`);
console.log(`${result.copiedBytes} bytes were copied, ${result.bufferedBytes} went through the page cache`);
