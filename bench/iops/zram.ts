// A file system that lies in memory and takes direct I/O: XFS on zram. What is measured on it is CPU time, ours and the kernel's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * In a mount namespace of its own, so that nothing is left mounted whatever ends this process: the end of standard input,
 * or of the shell, ends it all. Signals are for this process: the shell then sees the end of its input.
 */
const SCRIPT = `
set -e
trap '' INT TERM HUP
number=$(cat /sys/class/zram-control/hot_add)
cleanup() {
  # The kernel closes what a ring had open a moment later, and who looks at new devices (udev) may hold one as long.
  for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    umount "$1" 2>/dev/null || true
    if sh -c "echo 1 > /sys/block/zram$number/reset" 2>/dev/null; then break; fi
    sleep 0.2
  done
  echo $number > /sys/class/zram-control/hot_remove
}
trap 'cleanup "$1"' EXIT
echo "$2M" > /sys/block/zram$number/disksize
mkfs.xfs -q -f -K /dev/zram$number
mount /dev/zram$number "$1"
echo ready
cat > /dev/null
`;

/** mkfs and the like are not in everybody's. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** Why it cannot be had here; null: it can. */
export function zramProblem(): string | null {
  if (process.getuid?.() !== 0) return 'zram needs root';
  if (!existsSync('/sys/class/zram-control/hot_add')) return 'the kernel has no zram';
  for (const command of ['mkfs.xfs', 'unshare']) {
    if (!isInstalled(command)) return `${command} is not installed`;
  }
  return null;
}

function isInstalled(command: string): boolean {
  return PATH.split(':').some((directory) => existsSync(join(directory, command)));
}

/** Runs the body on an empty file system of `mib` MiB. `beside`: a directory of this run's own. */
export async function withZramXfs<T>(beside: string, mib: number, body: (directory: string) => Promise<T>): Promise<T> {
  const mountPoint = join(beside, 'zram');
  mkdirSync(mountPoint);
  const shell = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', mountPoint, `${mib}`],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PATH },
    },
  );
  const ended = once(shell, 'exit');
  try {
    const ready = await Promise.race([once(shell.stdout, 'data'), ended.then(() => null)]);
    if (ready === null) throw new Error('zram with XFS could not be set up');
    // The namespace of another process is reached through its root.
    return await body(`/proc/${shell.pid}/root${mountPoint}`);
  } finally {
    shell.stdin.end();
    await ended;
    rmSync(mountPoint, { recursive: true });
  }
}
