// Child of differences.test.ts: one write past the limit of a file's size, which the parent set. PATH OFFSET LENGTH.
import { open } from '../../../src/index.js';

const [path = '', offset = '', length = ''] = process.argv.slice(2);
// The default of SIGXFSZ is to die; Node ignores it, as programs that want the errno do.
const file = await open(path, 'r+');
try {
  await file.write(new Uint8Array(Number(length)).fill(7), 0, Number(length), Number(offset));
  console.log(JSON.stringify({ code: null, bytes: Number(length) }));
} catch (error) {
  if (!(error instanceof Error && 'code' in error && 'bytes' in error)) throw error;
  console.log(JSON.stringify({ code: error.code, bytes: error.bytes }));
} finally {
  await file.close();
}
