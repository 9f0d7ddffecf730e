// Child processes and what they cost: time, CPU seconds, peak memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export interface Cost {
  readonly seconds: number;
  /** User and system, of the process and its threads. */
  readonly cpuSeconds: number;
  /** The most resident memory that it ever had, as last seen while it ran. */
  readonly peakMib: number;
  /** What it had the block layer read, as last seen while it ran: when it printed, at the latest. NaN: not told here. */
  readonly readBytes: number;
  readonly stdout: string;
}

/** USER_HZ: what /proc counts CPU time in, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const POLL_MS = 20;

/** CPU time of all children that were waited for. The name in parentheses may hold anything, so: after the last one. */
function childrenCpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // cutime and cstime are fields 16 and 17 of proc(5), and what is left begins with field 3.
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** VmHWM only grows, so the last look is as good as any other; gone or not there: 0. */
function peakMibOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0; // it has ended between two looks
  }
}

/** read_bytes of proc(5): io_uring's reads are counted to who submits them. */
function readBytesOf(pid: number): number {
  try {
    return Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN; // it has ended, or this kernel does not count
  }
}

/** Runs a program to its end, alone: CPU time is told of all children together. Rejects unless it succeeds. */
export function runProcess(command: string, args: readonly string[], watch = true): Promise<Cost> {
  const cpuBefore = childrenCpuSeconds();
  const started = performance.now();
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let peakMib = 0;
  let readBytes = Number.NaN;
  const look = (): void => {
    if (child.pid === undefined) return;
    peakMib = Math.max(peakMib, peakMibOf(child.pid));
    const seen = readBytesOf(child.pid);
    if (!Number.isNaN(seen)) readBytes = seen;
  };
  const timer = watch ? setInterval(look, POLL_MS) : undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    let seconds = 0;
    child.on('exit', () => {
      seconds = (performance.now() - started) / 1000;
      clearInterval(timer);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0) {
        reject(new Error(`${command} ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${stderr}`));
        return;
      }
      resolve({ seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, peakMib, readBytes, stdout });
    });
  });
}

/** One after the other, as one cost. */
export function total(...costs: readonly Cost[]): Cost {
  return {
    seconds: costs.reduce((sum, cost) => sum + cost.seconds, 0),
    cpuSeconds: costs.reduce((sum, cost) => sum + cost.cpuSeconds, 0),
    peakMib: Math.max(...costs.map((cost) => cost.peakMib)),
    readBytes: costs.reduce((sum, cost) => sum + cost.readBytes, 0),
    stdout: costs.map((cost) => cost.stdout).join(''),
  };
}
