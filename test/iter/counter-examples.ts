// Programs that once failed, made small, by what went wrong.
import type { Program } from './programs.js';

export const COUNTER_EXAMPLES: Readonly<Record<string, Program>> = {
  'a walk in rows passes an empty piece, and where its callback sees the iterator is still before it': {
    kind: 'bvec',
    pieces: [
      { buffer: 0, from: 0, length: 1 },
      { buffer: 1, from: 0, length: 0 },
      { buffer: 2, from: 0, length: 2 },
    ],
    batch: 0,
    bad: -1,
    steps: [{ op: 'extractBvecs', a: 3, b: 30 }],
  },
  'extractBvecs refuses a length that is too short to be aligned, and has passed the empty segments before it': {
    kind: 'folioq',
    pieces: [{ buffer: 2, from: 0, length: 0 }],
    batch: 64,
    bad: -1,
    steps: [
      { op: 'push', a: 1, b: 1 },
      { op: 'extractBvecs', a: 1, b: 1 },
    ],
  },
};
