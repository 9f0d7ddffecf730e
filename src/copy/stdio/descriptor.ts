// A descriptor that this process was given: what it is called, what it is, and where its description stands.
import { constants, fstat, type Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errors } from '../../base/errors.js';
import { chooseEngine } from '../../targets/file/engines/choose.js';
import { Op } from '../../targets/file/engines/engine.js';
import { run } from '../../targets/file/run.js';
import { ESPIPE, errnoError } from '../../transfer/errno.js';

const fstatFd = promisify(fstat);
const NAMES: readonly string[] = ['standard input', 'standard output', 'standard error'];

/** Of `fd://0`, or `fd:0`. */
export function descriptorOf(url: string): number {
  const fd = Number(/^fd:(?:\/\/)?(\d{1,9})\/?$/.exec(url)?.[1] ?? Number.NaN);
  if (Number.isNaN(fd)) throw errors.invalidValue('url', 'fd:// and the number of a descriptor', url);
  return fd;
}

export function nameOf(fd: number): string {
  return NAMES[fd] ?? `descriptor ${fd}`;
}

/** Follows to the same file, as a description of its own, where this user may open it. proc_pid_fd(5). */
export function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

export function statOf(fd: number): Promise<Stats> {
  return fstatFd(fd);
}

export interface Standing {
  /** Where a read or a write without an offset would begin. */
  readonly position: number;
  readonly flags: number;
  /** False: there is no /proc to ask. */
  readonly known: boolean;
}

/** Without /proc: at the start, with no flags. proc_pid_fdinfo(5): `pos` is decimal, `flags` octal. */
export async function standingOf(fd: number): Promise<Standing> {
  let text = '';
  try {
    text = await readFile(`/proc/self/fdinfo/${fd}`, 'latin1');
  } catch {
    // Nothing is told: what follows is then what a description begins with.
  }
  const position = Number(/^pos:\s*(\d+)/m.exec(text)?.[1] ?? 0);
  const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '0', 8);
  return { position, flags, known: text !== '' };
}

export function appends({ flags }: Standing): boolean {
  return (flags & constants.O_APPEND) !== 0;
}

export function isReadOnly({ flags, known }: Standing): boolean {
  return known && (flags & (constants.O_WRONLY | constants.O_RDWR)) === 0;
}

/** Whether `leaveAt` can do what it says. */
export function canSeek(): boolean {
  return chooseEngine('auto').engine.supports(Op.SEEK);
}

/** Who shares the description goes on from there. */
export async function leaveAt(fd: number, position: number): Promise<void> {
  const { engine } = chooseEngine('auto');
  if (!engine.supports(Op.SEEK)) return;
  const result = await run(engine, { op: Op.SEEK, fd, offset: position });
  if (result < 0 && result !== ESPIPE) throw errnoError(result, 'lseek', nameOf(fd));
}
