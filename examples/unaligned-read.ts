// Reads any bytes of a file with direct I/O, into any memory: node dist/examples/unaligned-read.js [FILE]
import { open } from 'diorite';

const path = process.argv[2] ?? process.execPath;

await using file = await open(path);
const limits = file.limits('read');
console.log(`the kernel wants memory at ${limits.memoryAlignment} and offsets at ${limits.offsetAlignment}`);

// An odd offset, an odd length, and a buffer from wherever Node took it: what is read is widened to what the disk wants,
// and the bytes that were asked for are copied out.
const { buffer, bytesRead, copiedBytes, requests, io } = await file.read(Buffer.alloc(1001), 0, 1001, 12_345);
console.log(`${bytesRead} bytes in ${requests} request, ${io}, of them ${copiedBytes} copied`);
console.log(buffer.subarray(0, 16).toString('hex'));
