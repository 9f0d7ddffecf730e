// Child of denied.test.ts: opens what nobody may not open. DIRECTORY.
import { join } from 'node:path';
import { open } from '../../../src/index.js';

const directory = process.argv[2] ?? '';
const calls: readonly (readonly [flags: string, name: string])[] = [
  ['r', 'secret'],
  ['r+', 'public'],
  ['w', 'public'],
  ['wx', 'new'],
  ['r', 'closed/file'],
];
const found: unknown[] = [];
for (const [flags, name] of calls) {
  const call = `${flags} ${name}`;
  try {
    await open(join(directory, name), flags);
    found.push({ call, opened: true });
  } catch (error) {
    const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
    found.push({ call, code, errno, syscall, path });
  }
}
console.log(JSON.stringify(found));
