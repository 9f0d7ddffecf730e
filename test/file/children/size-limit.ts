// Child of errors.test.ts: writes past the limit of a file's size, which the parent set, and prints the error. PATH.
import { DioriteError, open } from '../../../src/index.js';

const BYTES = 2 * 1024 * 1024;
const file = await open(process.argv[2] ?? '', 'wx');
try {
  await file.write(new Uint8Array(BYTES).fill(0x99), 0, BYTES, 0);
  console.log('null');
} catch (error) {
  if (!(error instanceof DioriteError)) throw error;
  const { code, message, path, offset, length, bytes, extents } = error;
  console.log(JSON.stringify({ code, message, path, offset, length, bytes, extents }));
} finally {
  await file.close();
}
