// Writes the dirty pages of a buffer pool, wherever they lie in memory, as one range of a file:
// node dist/examples/flush-buffer-pool.js [FILE]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'diorite';
import { IovIter } from 'diorite/iter';
import { hostPages, Region } from 'diorite/memory';

const PAGE = 4096;
const FRAMES = 256;
const path = process.argv[2] ?? join(tmpdir(), 'diorite-buffer-pool');

/** A pool as data bases have it: frames of memory, and which page of the file each holds. */
const frames = new Region(FRAMES * PAGE);
const frameOf = new Map<number, number>();
let framesUsed = 0;

/** The frame of a page of the file, or one that is free: neighbours in the file are none in memory. */
function pageBytes(index: number): Uint8Array {
  const frame = frameOf.get(index) ?? (framesUsed++ * 37) % FRAMES;
  frameOf.set(index, frame);
  return frames.bytes.subarray(frame * PAGE, (frame + 1) * PAGE);
}

// Pages 100 to 163 of the file are changed, in whatever order.
for (let i = 0; i < 64; i++) {
  const index = 100 + ((i * 29) % 64);
  pageBytes(index).fill(index);
}

// The pool's frames have page numbers for as long as one is held: here, while they are written.
const source = hostPages();
const numbers = new Int32Array(FRAMES);
source.get(frames.buffer, 0, FRAMES * PAGE, numbers, 0, FRAMES);
const cache = {
  pageAt(index: number): number {
    const frame = frameOf.get(index);
    return frame === undefined ? -1 : (numbers[frame] ?? -1);
  },
};

await using file = await open(path, 'w+');
try {
  const offset = 100 * PAGE;
  const iter = IovIter.xarray(cache, source, offset, 64 * PAGE);
  const result = await file.write(iter, { position: offset });
  await file.datasync();
  console.log(`${result.bytesWritten} bytes of 64 scattered frames, requests: ${result.requests}, io: ${result.io}`);
} finally {
  source.put(numbers, 0, FRAMES);
}

// What went out is what is in the file.
const check = new Region(64 * PAGE).bytes;
await file.read(check, { position: 100 * PAGE });
for (let i = 0; i < 64; i++) {
  if (check[i * PAGE] !== 100 + i) throw new Error(`page ${100 + i} of the file is not the pool's`);
}
console.log('every page is where it belongs');
