// Copies a file with direct I/O, reads it back and says what happened: node dist/examples/copy-file.js [SOURCE [DESTINATION]]
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copy } from 'diorite';

const [source = process.execPath, destination = join(tmpdir(), 'diorite-copy')] = process.argv.slice(2);

const result = await copy(source, destination, {
  force: true,
  verify: true,
  onProgress({ phase, doneBytes, totalBytes }) {
    if (doneBytes === totalBytes) console.log(`${phase}: ${doneBytes} bytes`);
  },
});

console.log(`${result.requests} requests of ${result.averageRequestBytes} bytes by the ${result.engine} engine`);
console.log(
  `reads were ${result.io.read}, writes ${result.io.write}; verified: ${result.verified}; durable: ${result.stable}`,
);
