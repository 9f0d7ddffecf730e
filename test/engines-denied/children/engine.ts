// Child of denied.test.ts: which engine a file gets, why, and whether it works. PATH of a file to make.
import { type File, open } from '../../../src/index.js';

async function roundTrip(file: File): Promise<boolean> {
  const written = new Uint8Array(300_001).map((_, index) => index * 7);
  await file.write(written, 0, written.length, 1234);
  const read = new Uint8Array(written.length);
  await file.read(read, 0, read.length, 1234);
  return Buffer.compare(read, written) === 0;
}

const path = process.argv[2] ?? '';
const file = await open(path, 'wx+');
const found = { engine: file.engine, reason: file.engineReason, roundTrip: await roundTrip(file) };
await file.close();
const askedForUring = await open(path, 'r+', { engine: 'uring' }).then(
  (asked) => asked.close().then(() => 'had'),
  (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
);
console.log(JSON.stringify({ ...found, askedForUring }));
