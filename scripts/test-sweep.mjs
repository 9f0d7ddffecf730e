// Removes what test runs left behind: servers, mounts, loop and zram devices, tracing instances, temporary directories.
// Everything that a run makes carries the name of its run, `diorite-test-PID-START`, where START is the start time of
// that process: a name whose process is gone, or has another start time, belongs to nobody any more.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Of temporary directories: on a disk, and in memory. */
const PLACES = [tmpdir(), '/dev/shm'];
const NAME = /^diorite-test-(\d+)-(\d+)/;
const BUSY_ATTEMPTS = 50;
const BUSY_PAUSE_MS = 100;

/** When a process started, in clock ticks since boot, or null: there is none (or no /proc, where 0 is used). */
function startOf(pid) {
  if (!existsSync('/proc/self/stat')) {
    try {
      process.kill(pid, 0);
      return '0';
    } catch (error) {
      return error.code === 'EPERM' ? '0' : null;
    }
  }
  try {
    // The command's name may hold spaces and brackets: the fields are counted from the last bracket. START is field 22.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** The name of a run of this process. */
export function runName() {
  return `diorite-test-${process.pid}-${startOf(process.pid)}`;
}

function isDead(name) {
  const match = NAME.exec(name);
  return match !== null && startOf(Number(match[1])) !== match[2];
}

function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** What a killed process held is let go a moment after it is gone: EBUSY is asked again, for a bounded time. */
function retryBusy(step) {
  for (let attempt = 0; ; attempt++) {
    try {
      return step();
    } catch (error) {
      if (error.code !== 'EBUSY' || attempt === BUSY_ATTEMPTS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}

/** Mounts under a directory that are seen from here; a run's own are in its namespace, so there are none as a rule. */
function unmountUnder(directory) {
  if (!existsSync('/proc/self/mounts')) return;
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${directory}/`));
  for (const point of points.reverse()) spawnSync('umount', ['--lazy', point]);
}

function detachLoopsOf(directory) {
  for (const device of list('/sys/block').filter((name) => name.startsWith('loop'))) {
    try {
      const file = readFileSync(`/sys/block/${device}/loop/backing_file`, 'utf8');
      if (file.startsWith(`${directory}/`)) spawnSync('losetup', ['--detach', `/dev/${device}`]);
    } catch {
      // Not attached: a loop device without a file has no such entry.
    }
  }
}

/** A run notes each zram device that it made as a file `zram-NUMBER` with its size, which tells it from a later one. */
function removeZramsOf(directory) {
  for (const note of list(directory).filter((name) => /^zram-\d+$/.test(name))) {
    const number = note.slice('zram-'.length);
    const size = readFileSync(join(directory, note), 'utf8').trim();
    const device = `/sys/block/zram${number}`;
    if (!existsSync(device)) continue;
    const sizeNow = readFileSync(`${device}/disksize`, 'utf8').trim();
    if (sizeNow !== size && sizeNow !== '0') continue;
    retryBusy(() => writeFileSync(`${device}/reset`, '1'));
    retryBusy(() => writeFileSync('/sys/class/zram-control/hot_remove', number));
  }
}

/** Servers that outlived their test are noted in `server.pid`, number and START a line, in a directory below the run's. */
function killServersOf(directory) {
  for (const name of list(directory)) {
    const note = join(directory, name, 'server.pid');
    if (!existsSync(note)) continue;
    for (const line of readFileSync(note, 'utf8').trim().split('\n')) killServer(...line.split(' '));
  }
}

function killServer(pid, start) {
  // The leader of its process group. A note from a run's own process namespace fits no process here.
  if (startOf(Number(pid)) !== start) return;
  try {
    process.kill(-Number(pid), 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Instances are seen wherever tracefs is mounted; a run's mount is its own, so it is mounted once more to look. */
function removeTraceInstances(isOurs) {
  if (process.getuid?.() !== 0) return;
  const script = 'mount -t tracefs diorite /tmp 2>/dev/null && cd /tmp/instances && ls -1';
  const shown = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { encoding: 'utf8' });
  const names = (shown.stdout ?? '').split('\n').filter((name) => NAME.test(name) && isOurs(name));
  for (const name of names) {
    const remove = `mount -t tracefs diorite /tmp && rmdir /tmp/instances/${name}`;
    spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', remove]);
  }
}

function sweepWhere(isOurs) {
  const removed = [];
  const directories = PLACES.flatMap((place) => list(place).map((name) => join(place, name)));
  for (const directory of directories.filter((each) => NAME.test(basename(each)) && isOurs(basename(each)))) {
    const name = basename(directory);
    try {
      killServersOf(directory);
      unmountUnder(directory);
      detachLoopsOf(directory);
      removeZramsOf(directory);
      rmSync(directory, { recursive: true, force: true });
      removed.push(name);
    } catch (error) {
      console.error(`cannot remove what ${name} left: ${error.message}`);
    }
  }
  removeTraceInstances(isOurs);
  return removed;
}

/** Removes what runs that are over left behind; returns their names. */
export function sweepDeadRuns() {
  return sweepWhere(isDead);
}

/** Removes everything of one run, whose processes must be gone. */
export function sweepRun(run) {
  return sweepWhere((name) => name === run || name.startsWith(`${run}-`));
}
