// What pages of a pipe may be let out to without waiting in the kernel: a pipe, and a socket that does not wait.
import { constants, fstatSync, readFileSync } from 'node:fs';
import type { PipeTarget } from './pipe-target.js';

/** Why nothing is spliced to the sink; null: it can be tried. */
export function sinkProblem(sink: PipeTarget): string | null {
  if (sink.isPipe) return null;
  if (!fstatSync(sink.fd).isSocket()) return 'the sink is neither a pipe nor a socket';
  // splice(2) goes by the socket's own flag, whatever it is told: a peer that reads nothing would hold a thread for ever.
  return hasNonblock(sink.fd) ? null : 'the socket waits (no O_NONBLOCK), and is written without waiting instead';
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
