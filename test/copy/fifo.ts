// A pipe in this process that another one fills from a file: something to read once, by its descriptor.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type Cleanup, tempDirectory } from '../support/temp.js';

/** The URL of the descriptor that it is read from. */
export function pipeOf(t: Cleanup, path: string): string {
  const fifo = join(tempDirectory(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const child = spawn('sh', ['-c', 'exec cat "$0" >"$1"', path, fifo], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  // Waits for the writer, which is a process of its own.
  const fd = openSync(fifo, 'r');
  t.after(async () => {
    closeSync(fd);
    await ended;
  });
  return `fd://${fd}`;
}
