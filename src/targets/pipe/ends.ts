// What pages may be taken from or let out to without waiting in the kernel: a pipe, and a socket that does not wait.
import { constants, readFileSync } from 'node:fs';
import type { PipeTarget } from './pipe-target.js';

/** Why nothing is spliced to or from the stream; null: it can be tried. */
export function endProblem(stream: PipeTarget): string | null {
  if (stream.isPipe) return null;
  if (!stream.isSocket) return `${stream.name} is neither a pipe nor a socket`;
  // splice(2) goes by the socket's own flag, whatever it is told: a peer that says nothing would hold a thread for ever.
  return hasNonblock(stream.fd) ? null : `${stream.name} is a socket that waits (no O_NONBLOCK)`;
}

/** fcntl(F_GETFL), as proc_pid_fdinfo(5) shows it. */
function hasNonblock(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return false; // No /proc: what is not known is taken to wait.
  }
}
