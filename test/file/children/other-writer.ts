// Child of two-writers.test.ts: writes its own bytes of the shared blocks. PATH WRITER ROUNDS.
import { promises as fs } from 'node:fs';
import { open } from '../../../src/index.js';
import { type Writer, writeRounds } from '../../support/shared-blocks.js';

const [path = '', kind, wanted] = process.argv.slice(2);
let over = false;
process.stdin.on('end', () => {
  over = true;
});
process.stdin.resume();

interface Shared extends Writer {
  close(): Promise<void>;
}

async function withNode(): Promise<Shared> {
  const file = await fs.open(path, 'r+');
  return {
    write: async (bytes, offset) => (await file.write(bytes, 0, bytes.length, offset)).bytesWritten,
    read: async (bytes, offset) => (await file.read(bytes, 0, bytes.length, offset)).bytesRead,
    close: () => file.close(),
  };
}

async function withDiorite(): Promise<Shared> {
  const file = await open(path, 'r+');
  return {
    write: async (bytes, offset) => (await file.write(bytes, 0, bytes.length, offset)).bytesWritten,
    read: async (bytes, offset) => (await file.read(bytes, 0, bytes.length, offset)).bytesRead,
    close: () => file.close(),
  };
}

const writer = kind === 'node' ? await withNode() : await withDiorite();
await writeRounds(writer, 'child', (rounds) => {
  if (rounds === Number(wanted)) console.log('enough');
  return over && rounds >= Number(wanted);
});
await writer.close();
