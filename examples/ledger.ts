// A write that is ended in the middle says of every byte what became of it: node dist/examples/ledger.js [FILE]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DioriteError, open } from 'diorite';
import { Region } from 'diorite/memory';

const MIB = 1024 * 1024;
const path = process.argv[2] ?? join(tmpdir(), 'diorite-ledger');

const controller = new AbortController();
await using file = await open(path, 'w', { bytesInFlight: 4 * MIB });
try {
  await file.write(new Region(64 * MIB).bytes, {
    position: 0,
    signal: controller.signal,
    onProgress: (doneBytes) => doneBytes >= 8 * MIB && controller.abort(),
  });
} catch (error) {
  if (!(error instanceof DioriteError)) throw error;
  console.log(`${error.code}: the first ${error.bytes} bytes are done`);
  for (const { offset, length, state } of error.extents ?? []) console.log(`${state}: ${length} bytes at ${offset}`);
}
