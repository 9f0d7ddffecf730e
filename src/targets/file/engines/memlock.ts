// How much memory this process may pin: what RLIMIT_MEMLOCK leaves, with room for what others pin.
import { readFileSync } from 'node:fs';

/** CAP_IPC_LOCK, linux/capability.h: who has it is not counted. */
const CAP_IPC_LOCK = 14n;

/** Half of the limit: rings of other threads, and the program's own locks, count towards it too. */
export function pinnableBytes(): number {
  try {
    const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
    if (((BigInt(`0x${capabilities}`) >> CAP_IPC_LOCK) & 1n) === 1n) return Number.POSITIVE_INFINITY;
    const soft = /^Max locked memory\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Math.floor(Number(soft ?? 0) / 2);
  } catch {
    return 0; // no /proc: nothing is known, and nothing is pinned
  }
}
