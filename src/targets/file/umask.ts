// The permission bits that a new file does not get.
import { readFile } from 'node:fs/promises';

/** Read from /proc: process.umask() reads by writing, which another thread may see. */
export async function readUmask(): Promise<number> {
  const status = await readFile('/proc/self/status', 'latin1');
  const umask = /^Umask:\s*([0-7]+)$/m.exec(status)?.[1];
  return umask === undefined ? process.umask() : Number.parseInt(umask, 8);
}
