// Who writes to a pipe, and how they ended: the end of the pipe is the same for a program that is done and one that was killed.
//
//      pg_dump ──▶ pipe ──▶ us        looked at before the first read: whoever writes more than the pipe holds is still there
//         └─ pidfd ──────────┘        the end: how did it end? The kernel tells whoever holds a pidfd (Linux 6.15)
//
// What is found are facts: a process that could write to this very pipe, and the status that its parent was given. What is
// not found proves nothing: who wrote little and ended before the look, other users' processes, what no shell of ours began.
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { loadAddon } from '../../memory/addon.js';
import { isReady, POLLIN, Readiness } from './readiness.js';

/** Of a shell's pipeline: what is looked at is bounded, whatever the machine runs. */
const ANCESTORS_MAX = 16;
const PROCESSES_MAX = 256;
const DESCRIPTORS_MAX = 256;
/** From closing its descriptors on a process has little to do until it has ended. */
const ENDING_MS_MAX = 1000;

/** proc_pid_stat(5), counted from the third field on: the second may hold anything. */
const STAT = { state: 0, parent: 1, session: 3, flags: 6, exitCode: 49 } as const;
/** <linux/sched.h>: it is on its way out. Set before its descriptors are closed. */
const PF_EXITING = 0x4;
/** open(2): 0 is reading only. */
const O_ACCMODE = 0o3;

export interface Ending {
  /** Which of them failed, and how, as one clause; null: none, as far as is known. */
  readonly failure: string | null;
  /** Some were found, and it is known of each how it ended. */
  readonly known: boolean;
}

interface Writer {
  readonly pid: number;
  readonly name: string;
  readonly pidfd: number;
}

export class Writers {
  readonly #writers: readonly Writer[];

  private constructor(writers: readonly Writer[]) {
    this.#writers = writers;
  }

  /** Those of the pipe that `fd` reads from that can be found: in its pipeline, beside this process and its ancestors. */
  static find(fd: number): Writers {
    const pipe = linkOf('self', fd);
    const pids = pipe === null ? [] : relatives();
    return new Writers(pids.flatMap((pid) => (pipe === null ? [] : hold(pid, pipe))));
  }

  /** After the pipe's end. */
  async ending(): Promise<Ending> {
    let known = this.#writers.length > 0;
    for (const { pid, name, pidfd } of this.#writers) {
      const status = await statusOf(pid, pidfd);
      if (status === null) known = false;
      else if (status !== 0) return { failure: `${name} (process ${pid}), which wrote to it, ${told(status)}`, known };
    }
    return { failure: null, known };
  }

  close(): void {
    for (const { pidfd } of this.#writers) closeSync(pidfd);
  }
}

/**
 * The children of this process and of its ancestors, as far as its session goes. Its own are those of `diorite … < <(PROGRAM)`:
 * bash begins PROGRAM in what becomes diorite.
 */
function relatives(): number[] {
  const session = statOf('self')?.fields[STAT.session];
  const pids: number[] = [];
  let parent = process.pid;
  for (let i = 0; i < ANCESTORS_MAX && parent > 0; i++) {
    const stat = statOf(parent);
    if (stat === null) break;
    pids.push(...childrenOf(parent).filter((pid) => pid !== process.pid));
    if (stat.fields[STAT.session] !== session) break;
    parent = Number(stat.fields[STAT.parent]);
  }
  return pids.slice(0, PROCESSES_MAX);
}

/** Empty as well where the kernel keeps no such list. proc_tid_children(5). */
function childrenOf(pid: number): number[] {
  const text = readProc(`${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

/** The process held by a descriptor, if it may write to the pipe. */
function hold(pid: number, pipe: string): Writer[] {
  const addon = loadAddon();
  const name = statOf(pid)?.name;
  if (addon === null || name === undefined || !writesTo(pid, pipe)) return [];
  const pidfd = addon.processOpen(pid);
  if (pidfd < 0) return [];
  // Once more, for the number may have become another's in between.
  if (writesTo(pid, pipe)) return [{ pid, name, pidfd }];
  closeSync(pidfd);
  return [];
}

function writesTo(pid: number, pipe: string): boolean {
  try {
    const fds = readdirSync(`/proc/${pid}/fd`).slice(0, DESCRIPTORS_MAX);
    return fds.some((fd) => linkOf(pid, Number(fd)) === pipe && mayWrite(pid, fd));
  } catch {
    return false; // gone, or another user's
  }
}

function mayWrite(pid: number, fd: string): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readProc(`${pid}/fdinfo/${fd}`) ?? '')?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & O_ACCMODE) !== 0;
}

/** As wait(2) tells; null: it has not ended, or nobody knows how. */
async function statusOf(pid: number, pidfd: number): Promise<number | null> {
  const addon = loadAddon();
  if (addon === null) return null;
  if (await stays(pid, pidfd)) return null;
  // Nobody has asked for it yet: it is a zombie, and its status is shown. Asked last, for it may be fetched just now.
  const stat = statOf(pid);
  const status = addon.processStatus(pidfd);
  if (status >= 0) return status;
  return status === -constants.errno.EAGAIN && stat?.fields[STAT.state] === 'Z'
    ? Number(stat.fields[STAT.exitCode])
    : null;
}

/** Whether it goes on. One that is ending is waited for. */
async function stays(pid: number, pidfd: number): Promise<boolean> {
  if (isReady(pidfd, POLLIN)) return false;
  const flags = Number(statOf(pid)?.fields[STAT.flags] ?? 0);
  if ((flags & PF_EXITING) === 0 && !isReady(pidfd, POLLIN)) return true;
  const readiness = new Readiness(pidfd, 'read');
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    readiness.once(resolve);
    timer = setTimeout(resolve, ENDING_MS_MAX);
  });
  clearTimeout(timer);
  readiness.close();
  return !isReady(pidfd, POLLIN);
}

/** wait(2): WIFSIGNALED, WTERMSIG, WEXITSTATUS. */
function told(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `ended with status ${(status >> 8) & 0xff}`;
  const [name = `signal ${signal}`] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return `was killed by ${name}`;
}

function linkOf(pid: number | 'self', fd: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return null;
  }
}

function statOf(pid: number | 'self'): { readonly name: string; readonly fields: readonly string[] } | null {
  const text = readProc(`${pid}/stat`);
  if (text === null) return null;
  const end = text.lastIndexOf(')');
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    fields: text
      .slice(end + 2)
      .trim()
      .split(' '),
  };
}

/** Null: it is not there (any more), may not be read, or there is no /proc. */
function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return null;
  }
}
