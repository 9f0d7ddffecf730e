// Child of stopped.test.ts: copies, and says so once when a quarter is done. Arguments: the source, the destination.
import { copy } from '../../../src/index.js';

const [from = '', to = ''] = process.argv.slice(2);
let isTold = false;
await copy(from, to, {
  requestBytes: 1024 * 1024,
  depth: 4,
  onProgress({ doneBytes, totalBytes }) {
    if (isTold || doneBytes < (totalBytes ?? 0) / 4) return;
    isTold = true;
    process.stdout.write('under way\n');
  },
});
