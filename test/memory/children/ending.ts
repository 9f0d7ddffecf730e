// Child of lifetime.test.ts: the process ends while reads and writes are in flight. PATH exit|throw|return.
import { open } from '../../../src/index.js';

const BYTES = 4 * 1024 * 1024;
const [path = '', way] = process.argv.slice(2);
const file = await open(path, 'wx+');
await file.write(new Uint8Array(BYTES * 8), { position: 0 });
const calls: Promise<unknown>[] = [];
for (let i = 0; i < 8; i++) {
  const bytes = new Uint8Array(BYTES).fill(i);
  calls.push(i % 2 === 0 ? file.write(bytes, 0, BYTES, i * BYTES) : file.read(bytes, 0, BYTES, i * BYTES));
}
console.log('in flight');
if (way === 'exit') process.exit(7);
if (way === 'throw') {
  setImmediate(() => {
    throw new Error('on purpose');
  });
} else {
  // Nothing else keeps the process alive until they settle.
  void Promise.all(calls).then(async () => {
    await file.close();
    console.log('all settled');
  });
}
