// Child of lifetime.test.ts: closes a file with I/O in flight and opens another in its place. PATH.
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from '../../../src/index.js';
import { BLOCK_BYTES, report } from './common.js';

const FILE_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 16 * BLOCK_BYTES;
const ROUNDS = 10;

const path = process.argv[2] ?? '';
const stranger = `${path}.stranger`;
writeFileSync(path, new Uint8Array(FILE_BYTES));
writeFileSync(stranger, new Uint8Array(FILE_BYTES).fill(0x11));

let started = 0;
let settledBeforeClose = 0;
let failures = 0;
for (let round = 0; round < ROUNDS; round++) {
  const file = await open(path, 'r+');
  let settled = 0;
  const settle = (): void => {
    settled++;
  };
  const fail = (error: unknown): void => {
    failures++;
    settled++;
    console.error(error);
  };
  for (let offset = 0; offset + PIECE_BYTES <= FILE_BYTES; offset += PIECE_BYTES) {
    started++;
    const bytes = new Uint8Array(PIECE_BYTES - (offset % 3)).fill(0xee);
    const call =
      offset % 2 === 0 && round % 2 === 0
        ? file.read(bytes, 0, bytes.length, offset)
        : file.write(bytes, 0, bytes.length, offset);
    void call.then(settle, fail);
  }
  await file.close();
  settledBeforeClose += settled;
  // Gets the same descriptor number: whatever still aims at the old file hits this one.
  const next = await open(stranger, 'r+');
  await next.close();
}
if (failures > 0) throw new Error(`${failures} calls failed`);
const strangersBytes = readFileSync(stranger).filter((byte) => byte !== 0x11).length;
report({ started, settledBeforeClose, strangersBytes });
