// Makes a ring with the best flags that the kernel takes, or says in a sentence why there is none.
import type { Addon, NativeRing } from '../../../memory/addon.js';
import { Ring } from './ring.js';
import {
  FEATURE_NAMES,
  OP_FADVISE,
  OP_FALLOCATE,
  OP_FSYNC,
  OP_READ,
  OP_READV,
  OP_SYNC_FILE_RANGE,
  OP_WRITE,
  OP_WRITEV,
  SETUP_COOP_TASKRUN,
  SETUP_CQSIZE,
  SETUP_DEFER_TASKRUN,
  SETUP_NAMES,
  SETUP_SINGLE_ISSUER,
  SETUP_SUBMIT_ALL,
  SETUP_TASKRUN_FLAG,
} from './uring-abi.js';

/** Best first. DEFER_TASKRUN: Linux 6.1, completions are batched and cost no interrupts. COOP_TASKRUN: 5.19. */
export const SETUP_FLAGS: readonly number[] = [
  SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG,
  SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN,
  SETUP_CQSIZE,
];

const NEEDED_OPS: readonly (readonly [number, string])[] = [
  [OP_READV, 'READV'],
  [OP_WRITEV, 'WRITEV'],
  [OP_FSYNC, 'FSYNC'],
  [OP_SYNC_FILE_RANGE, 'SYNC_FILE_RANGE'],
  [OP_FALLOCATE, 'FALLOCATE'],
  [OP_READ, 'READ'],
  [OP_WRITE, 'WRITE'],
  [OP_FADVISE, 'FADVISE'],
];

export interface RingFacts {
  /** Names of IORING_FEAT_* that the kernel has. */
  readonly features: readonly string[];
  /** Names of IORING_SETUP_* that the ring was made with. */
  readonly setup: readonly string[];
  /** How many opcodes the kernel supports. */
  readonly opcodes: number;
}

export type RingResult =
  | { readonly ring: Ring; readonly native: NativeRing; readonly facts: RingFacts }
  /** `lasting`: asking again would give the same. */
  | { readonly reason: string; readonly lasting: boolean };

/** `depth` is rounded up to a power of two for the queues. `flagSets`: what to try, best first. */
export function openRing(addon: Addon, depth: number, flagSets: readonly number[] = SETUP_FLAGS): RingResult {
  let refused: unknown = null;
  for (const flags of flagSets) {
    let ring: Ring | null = null;
    let native: NativeRing;
    try {
      native = addon.ringCreate(depth, depth, flags, () => ring?.wake());
    } catch (error) {
      refused = error;
      if (codeOf(error) === 'EINVAL') continue; // flags that this kernel does not know
      break;
    }
    const problem = problemOf(native);
    if (problem !== null) {
      native.close();
      return { reason: problem, lasting: true };
    }
    ring = new Ring(native, depth, (flags & SETUP_DEFER_TASKRUN) !== 0);
    return { ring, native, facts: factsOf(native, flags) };
  }
  return reasonOf(refused);
}

function problemOf(native: NativeRing): string | null {
  const probe = native.probe();
  for (const [op, name] of NEEDED_OPS)
    if (probe[op] !== 1) return `io_uring: IORING_OP_${name} is missing: Linux 5.6 or newer is needed`;
  // Filters may allow the set-up and refuse the rest.
  const entered = native.enter(0, 0, 0);
  return entered < 0 ? `io_uring_enter: errno ${-entered}: blocked by seccomp` : null;
}

function factsOf(native: NativeRing, flags: number): RingFacts {
  const features = FEATURE_NAMES.filter((_, bit) => (native.features & (1 << bit)) !== 0);
  const setup = SETUP_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  const opcodes = native.probe().reduce((sum, supported) => sum + supported, 0);
  return { features, setup, opcodes };
}

const REASONS: Readonly<Record<string, string>> = {
  EPERM:
    'blocked by seccomp (the default profile of most container runtimes does that) or by the sysctl ' +
    'kernel.io_uring_disabled; allow the io_uring system calls, or set the sysctl to 0',
  EACCES: 'blocked by a security module (SELinux, AppArmor); allow io_uring in its policy',
  ENOSYS: 'this kernel has no io_uring, or seccomp hides it; Linux 5.6 or newer is needed',
  ENOMEM: 'RLIMIT_MEMLOCK is too low for the memory of the ring; raise it (ulimit -l)',
  EMFILE: 'this process has no file descriptor left; raise RLIMIT_NOFILE (ulimit -n)',
  ENFILE: 'the system has no file descriptor left; raise the sysctl fs.file-max',
  EINVAL: 'this kernel takes none of the sets of flags that are known; Linux 5.6 or newer is needed',
  ENOTSUP: 'this runtime allows no buffers on foreign memory (Electron does not)',
};

function reasonOf(error: unknown): { reason: string; lasting: boolean } {
  const code = codeOf(error);
  const syscall =
    error instanceof Error && 'syscall' in error && typeof error.syscall === 'string'
      ? error.syscall
      : 'io_uring_setup';
  const lasting = code !== 'ENOMEM' && code !== 'EMFILE' && code !== 'ENFILE';
  return { reason: `${syscall}: ${code}: ${REASONS[code] ?? String(error)}`, lasting };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
