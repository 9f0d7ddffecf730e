// File systems, block devices and block traces of a test's own. All of it lives in the run's mount namespace and under
// its name: it goes when the test ends, when the namespace dies, or, for what is global, at the start of the next run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { needs, requireRoot } from './needs.js';
import { runDirectory, runName, tempDirectory } from './temp.js';

/** `here`: the directory for temporary files, whatever is under it; needs no root. */
export type FilesystemKind =
  | 'here'
  | 'ext4'
  | 'ext4-journal'
  | 'xfs'
  | 'xfs-4kn'
  | 'btrfs'
  | 'btrfs-nocow'
  | 'tmpfs'
  /** Over an ext4 of its own. */
  | 'overlay'
  | 'zram-xfs';

export type DeviceKind = 'loop' | 'loop-4kn' | 'zram';

export interface Filesystem {
  readonly kind: FilesystemKind;
  readonly directory: string;
  /** The block device below it; null where there is none of our own. */
  readonly device: string | null;
}

export interface SizeOptions {
  /** Size of the device or of the tmpfs. */
  readonly sizeMib?: number;
}

const MIB = 1024 * 1024;

interface Recipe {
  readonly device: DeviceKind;
  readonly mkfs: readonly string[];
  readonly mount: readonly string[];
  readonly sizeMib: number;
}

const EXT4 = ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'] as const;
const XFS = ['mkfs.xfs', '-q', '-f', '-K'] as const;

// mkfs.xfs refuses less than 300 MiB, mkfs.btrfs less than 109; images are sparse.
const RECIPES: Record<Exclude<FilesystemKind, 'here' | 'tmpfs' | 'overlay'>, Recipe> = {
  ext4: { device: 'loop', mkfs: EXT4, mount: [], sizeMib: 256 },
  'ext4-journal': { device: 'loop', mkfs: EXT4, mount: ['-o', 'data=journal'], sizeMib: 256 },
  xfs: { device: 'loop', mkfs: XFS, mount: [], sizeMib: 400 },
  'xfs-4kn': { device: 'loop-4kn', mkfs: [...XFS, '-s', 'size=4096'], mount: [], sizeMib: 400 },
  btrfs: { device: 'loop', mkfs: ['mkfs.btrfs', '-q', '-f', '-K'], mount: [], sizeMib: 400 },
  'btrfs-nocow': { device: 'loop', mkfs: ['mkfs.btrfs', '-q', '-f', '-K'], mount: ['-o', 'nodatacow'], sizeMib: 400 },
  'zram-xfs': { device: 'zram', mkfs: XFS, mount: [], sizeMib: 400 },
};

class CommandError extends Error {
  readonly stderr: string;
  constructor(command: readonly string[], stderr: string) {
    super(`${command.join(' ')}: ${stderr.trim()}`);
    this.stderr = stderr;
  }
}

function run(...command: readonly string[]): string {
  const [name = '', ...args] = command;
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const result = spawnSync(name, args, { encoding: 'utf8', env });
  if (result.status !== 0) throw new CommandError(command, result.stderr ?? String(result.error));
  return result.stdout.trim();
}

/** A child or the kernel may hold a thing a moment longer than its last user: "busy" is asked again, boundedly. */
async function retryBusy(step: () => void): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      step();
      return;
    } catch (error) {
      const text = error instanceof CommandError ? error.stderr : String(error);
      if (!/busy/i.test(text) || attempt === 40) throw error;
      await pause(50);
    }
  }
}

/** Runs the body, then the cleanup; an error of the body wins over one of the cleanup. */
async function withCleanup(body: () => Promise<void>, cleanup: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    await cleanup().catch((second: unknown) => console.error('cleanup failed as well:', second));
    throw error;
  }
  await cleanup();
}

async function withLoop(t: TestContext, sector: number, mib: number, body: (device: string) => Promise<void>) {
  const image = join(tempDirectory(t), 'image');
  writeFileSync(image, '');
  truncateSync(image, mib * MIB);
  const attach = ['losetup', '--find', '--show', '--sector-size', String(sector)];
  let device: string;
  try {
    device = run(...attach, '--direct-io=on', image);
  } catch {
    // The image lies on a file system that cannot do direct I/O (tmpfs): the device then goes through its cache.
    device = run(...attach, image);
  }
  // While it is open, detaching only marks it: the kernel lets go at the last close, even when this process is killed.
  const hold = await open(device, 'r');
  run('losetup', '--detach', device);
  await withCleanup(
    () => body(device),
    async () => {
      await hold.close();
      rmSync(image, { force: true });
    },
  );
}

async function withZram(mib: number, body: (device: string) => Promise<void>): Promise<void> {
  const number = readFileSync('/sys/class/zram-control/hot_add', 'utf8').trim();
  const note = join(runDirectory(), `zram-${number}`);
  writeFileSync(note, String(mib * MIB));
  const control = `/sys/block/zram${number}`;
  const remove = async (): Promise<void> => {
    await retryBusy(() => writeFileSync(`${control}/reset`, '1'));
    await retryBusy(() => writeFileSync('/sys/class/zram-control/hot_remove', number));
    rmSync(note);
  };
  await withCleanup(async () => {
    writeFileSync(`${control}/disksize`, String(mib * MIB));
    await body(`/dev/zram${number}`);
  }, remove);
}

/** A block device of our own. The test is skipped, and the body not run, where that cannot be had. */
export async function withDevice(
  t: TestContext,
  kind: DeviceKind,
  options: SizeOptions,
  body: (device: string) => Promise<void>,
): Promise<void> {
  if (!requireRoot(t)) return;
  const mib = options.sizeMib ?? 64;
  if (kind === 'zram') {
    if (existsSync('/sys/class/zram-control/hot_add')) await withZram(mib, body);
    else t.skip('the kernel has no zram');
    return;
  }
  if (!existsSync('/dev/loop-control')) {
    t.skip('the kernel has no loop devices');
    return;
  }
  await withLoop(t, kind === 'loop-4kn' ? 4096 : 512, mib, body);
}

async function mounted(
  t: TestContext,
  arguments_: readonly string[],
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = tempDirectory(t);
  try {
    run('mount', ...arguments_, directory);
  } catch (error) {
    if (error instanceof CommandError && /unknown filesystem type/.test(error.stderr)) {
      t.skip(error.stderr.trim());
      return;
    }
    throw error;
  }
  await withCleanup(
    () => body(directory),
    async () => {
      try {
        await retryBusy(() => run('umount', directory));
      } catch (error) {
        // Something still holds a file there: the test fails for it, and nothing stays mounted.
        run('umount', '--lazy', directory);
        throw error;
      }
    },
  );
}

async function withOverlay(
  t: TestContext,
  options: SizeOptions,
  body: (filesystem: Filesystem) => Promise<void>,
): Promise<void> {
  await withFilesystem(t, 'ext4', options, async (below) => {
    const [lower = '', upper = '', work = ''] = ['lower', 'upper', 'work'].map((name) => join(below.directory, name));
    for (const directory of [lower, upper, work]) mkdirSync(directory);
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await mounted(t, ['-t', 'overlay', '-o', layers, 'diorite'], (directory) =>
      body({ kind: 'overlay', directory, device: below.device }),
    );
  });
}

/** An empty file system of our own. The test is skipped, and the body not run, where that cannot be had. */
export async function withFilesystem(
  t: TestContext,
  kind: FilesystemKind,
  options: SizeOptions,
  body: (filesystem: Filesystem) => Promise<void>,
): Promise<void> {
  if (kind === 'here') {
    await body({ kind, directory: tempDirectory(t), device: null });
    return;
  }
  if (!requireRoot(t)) return;
  if (kind === 'tmpfs') {
    const size = `size=${options.sizeMib ?? 256}m`;
    await mounted(t, ['-t', 'tmpfs', '-o', size, 'diorite'], (directory) => body({ kind, directory, device: null }));
    return;
  }
  if (kind === 'overlay') {
    await withOverlay(t, options, body);
    return;
  }
  const recipe = RECIPES[kind];
  if (!needs(t, recipe.mkfs[0] ?? '')) return;
  await withDevice(t, recipe.device, { sizeMib: options.sizeMib ?? recipe.sizeMib }, async (device) => {
    run(...recipe.mkfs, device);
    await mounted(t, [...recipe.mount, device], (directory) => body({ kind, directory, device }));
  });
}

/** A request that the block layer issued to a device. */
export interface BlockRequest {
  /** `W`, `R`, with flags such as S (sync), M (meta data), as in the kernel's rwbs. */
  readonly kind: string;
  readonly sector: number;
  readonly bytes: number;
}

export interface BlockTrace {
  /** What was issued to the device since the trace began. */
  requests(): BlockRequest[];
}

/** The device's number as trace events hold it: major << 20 | minor. */
function kernelDeviceNumber(device: string): number {
  const [major = 0, minor = 0] = readFileSync(`/sys/block/${device.replace('/dev/', '')}/dev`, 'utf8')
    .trim()
    .split(':')
    .map(Number);
  return major * 2 ** 20 + minor;
}

function parseIssued(trace: string): BlockRequest[] {
  // block_rq_issue: 7,0 WS 1310720 () 2048 + 2560 none,0,0 [node]   (sectors of 512 bytes, whatever the device's are)
  const pattern = /block_rq_issue: \d+,\d+ (\S+) \d+ \(.*?\) (\d+) \+ (\d+) /g;
  return [...trace.matchAll(pattern)].map(([, kind = '', sector, sectors]) => ({
    kind,
    sector: Number(sector),
    bytes: Number(sectors) * 512,
  }));
}

/** Traces the requests that the block layer issues to the device, in a tracing instance of our own. */
export async function withBlockTrace(
  t: TestContext,
  device: string,
  body: (trace: BlockTrace) => Promise<void>,
): Promise<void> {
  const tracefs = tempDirectory(t);
  const mountResult = spawnSync('mount', ['-t', 'tracefs', 'diorite', tracefs], { encoding: 'utf8' });
  if (mountResult.status !== 0) {
    t.skip(`no tracefs: ${mountResult.stderr.trim()}`);
    return;
  }
  const instance = join(tracefs, 'instances', `${runName()}-${process.pid}`);
  const event = join(instance, 'events/block/block_rq_issue');
  await withCleanup(
    async () => {
      mkdirSync(instance);
      writeFileSync(`${event}/filter`, `dev == ${kernelDeviceNumber(device)}`);
      writeFileSync(`${event}/enable`, '1');
      await body({ requests: () => parseIssued(readFileSync(join(instance, 'trace'), 'utf8')) });
    },
    async () => {
      if (existsSync(instance)) {
        writeFileSync(`${event}/enable`, '0');
        rmdirSync(instance);
      }
      run('umount', tracefs);
    },
  );
}
