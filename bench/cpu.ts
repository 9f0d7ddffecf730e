// Time and memory of what only computes: the process's own, whoever else the machine works for meanwhile.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** CPU time of all threads so far. */
export function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

let collect: (() => void) | undefined;

/** Bytes on the heap that are in use: after a collection, so that what was let go of does not count. */
export function heapInUseBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void; // what the flag makes of it
  }
  collect();
  return process.memoryUsage().heapUsed;
}
