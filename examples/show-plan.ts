// Shows how memory would go to the disk, without a disk: node dist/examples/show-plan.js
import { Region } from 'diorite/memory';
import { plan } from 'diorite/plan';

const PAGE = 4096;
const { bytes } = new Region(64 * PAGE);

// Two pieces that follow each other in memory, a small one, and one that begins in the middle of a page.
const memory = [
  bytes.subarray(0, 8 * PAGE),
  bytes.subarray(8 * PAGE, 16 * PAGE),
  bytes.subarray(20 * PAGE, 20 * PAGE + 1000),
  bytes.subarray(30 * PAGE + 100, 50 * PAGE),
];

const limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: PAGE,
  maxBytes: 4 * 1024 * 1024,
  bestBytes: 64 * 1024,
  maxSegments: 1024,
  bestSegments: 256,
  copyBreakBytes: PAGE,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};
console.log(String(plan(memory, { offset: 0, direction: 'write', limits })));
