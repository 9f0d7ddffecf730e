// What the figures were measured on.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { peerVersions } from './peers.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly fileSystem: string;
  readonly device: string;
  readonly node: string;
  readonly virtual: boolean;
  /** Versions of what is measured beside us, by name. */
  readonly peers: Readonly<Record<string, string>>;
}

interface Mount {
  readonly point: string;
  readonly type: string;
  readonly source: string;
  readonly device: string;
}

/** `36 35 98:0 /root /point options - type source …`; the fields before the dash vary in number (proc(5)). */
function mounts(): Mount[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const fields = before.split(' ');
    const [type = '?', source = '?'] = after.split(' ');
    return { point: fields[4] ?? '', device: fields[2] ?? '', type, source };
  });
}

/** The mount that a path lies on: the longest mount point above it, and of several there the last. */
function mountOf(path: string): Mount | undefined {
  const real = realpathSync(path);
  const above = mounts().filter(({ point }) => point === '/' || real === point || real.startsWith(`${point}/`));
  return above.reduce<Mount | undefined>(
    (found, mount) => (found === undefined || mount.point.length >= found.point.length ? mount : found),
    undefined,
  );
}

function readFact(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/** `none [mq-deadline] bfq`: the one in brackets is in use. */
function schedulerOf(line: string | undefined): string | undefined {
  const name = /\[([^\]]+)\]/.exec(line ?? '')?.[1];
  return name === undefined ? undefined : `scheduler ${name}`;
}

function isVirtual(): boolean {
  try {
    return /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false; // not told
  }
}

function describeDevice(mount: Mount): string {
  const link = `/sys/dev/block/${mount.device}`;
  if (!existsSync(link)) return mount.source;
  let folder = realpathSync(link);
  // A partition's queue is its disk's.
  if (!existsSync(join(folder, 'queue'))) folder = dirname(folder);
  const model = readFact(folder, 'device/model');
  const disk = basename(folder);
  const facts = [
    model,
    readFact(folder, 'queue/rotational') === '1' ? 'rotational' : undefined,
    `blocks of ${readFact(folder, 'queue/logical_block_size') ?? '?'}`,
    `requests of at most ${readFact(folder, 'queue/max_sectors_kb') ?? '?'} KiB`,
    schedulerOf(readFact(folder, 'queue/scheduler')),
  ];
  return `${disk} (${facts.filter((fact) => fact !== undefined).join(', ')})`;
}

export function describeMachine(directory: string): Machine {
  const mount = mountOf(directory);
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() || arch(),
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()} ${arch()}`,
    fileSystem: mount?.type ?? '?',
    device: mount === undefined ? '?' : describeDevice(mount),
    node: process.version,
    virtual: isVirtual(),
    peers: peerVersions(),
  };
}

export function machineLines(machine: Machine): string[] {
  const peers = Object.entries(machine.peers).map(([name, version]) => `${name} ${version}`);
  const kind = machine.virtual ? 'virtual machine, ' : '';
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB; ${kind}${machine.kernel}; Node ${machine.node}`,
    `${machine.fileSystem} on ${machine.device}`,
    `beside ${peers.join(', ')}`,
  ];
}

/** Processor time since boot that all had, and that the hypervisor gave to others, in ticks; null where not told. */
function ticks(): { readonly all: number; readonly stolen: number } | null {
  try {
    // cpu user nice system idle iowait irq softirq steal …: guest time is in user already (proc(5)).
    const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
    const counts = line.split(/\s+/).slice(1, 9).map(Number);
    return { all: counts.reduce((sum, count) => sum + count, 0), stolen: counts[7] ?? 0 };
  } catch {
    return null;
  }
}

/** Call it, then call what it gives: percent of processor time between the two that others had. */
export function watchStolen(): () => number | null {
  const before = ticks();
  return () => {
    const after = ticks();
    if (before === null || after === null || after.all === before.all) return null;
    return (100 * (after.stolen - before.stolen)) / (after.all - before.all);
  };
}
