// Which engine carries out file operations here, and why not the ring. One of each per isolate, made at first use.
import { type Addon, addonProblem, loadAddon } from '../../../memory/addon.js';
import { hostPages } from '../../../memory/pages.js';
import type { Engine } from './engine.js';
import { NodeFsEngine } from './node-fs.js';
import { PoolEngine } from './pool.js';
import { RegisteredBuffers } from './registered.js';
import { openRing, type RingFacts } from './ring-setup.js';
import { UringEngine } from './uring.js';

/** In flight at most. More does not help a disk, and each entry of a queue counts towards RLIMIT_MEMLOCK. */
const URING_DEPTH = 256;

export interface Choice {
  readonly engine: Engine;
  /** Why it is not the ring; null when it is. */
  readonly reason: string | null;
}

export interface UringFeatures extends RingFacts {
  readonly available: boolean;
  readonly reason: string | null;
}

type Acquired = { readonly engine: UringEngine; readonly facts: RingFacts } | { readonly reason: string };

let uring: Acquired | null = null;
let threads: Engine | null = null;

function addressOf(buffer: ArrayBufferLike): number {
  return hostPages().addressOf(buffer);
}

/**
 * The environment variable DIORITE_ENGINE=threads is a kill switch: it turns the ring off in a program that cannot be
 * changed. It is read at each call and wins over `wanted`.
 */
export function chooseEngine(wanted: 'auto' | 'uring' | 'threads'): Choice {
  if (wanted === 'threads') return { engine: acquireThreads(), reason: "engine: 'threads' was asked for" };
  const acquired = acquireUring();
  if ('engine' in acquired) return { engine: acquired.engine, reason: null };
  return { engine: acquireThreads(), reason: acquired.reason };
}

/** The isolate's ring, or why there is none. It closes itself when the isolate ends. */
export function acquireUring(): Acquired {
  if (process.env.DIORITE_ENGINE === 'threads')
    return { reason: 'the environment variable DIORITE_ENGINE is "threads"' };
  if (uring !== null) return uring;
  const runtime = foreignRuntime();
  if (runtime !== null) return { reason: `no io_uring in ${runtime}: its event loop cannot wait for the ring` };
  const addon = loadAddon();
  if (addon === null) return { reason: `no addon: ${addonProblem() ?? 'it was not built'}` };
  return openUring(addon);
}

/** What `probe` prints of io_uring. Makes the ring if there is none yet. */
export function uringFeatures(): UringFeatures {
  const acquired = acquireUring();
  if ('engine' in acquired) return { available: true, reason: null, ...acquired.facts };
  return { available: false, reason: acquired.reason, features: [], setup: [], opcodes: 0 };
}

function openUring(addon: Addon): Acquired {
  const result = openRing(addon, URING_DEPTH);
  if ('reason' in result) {
    const failed = { reason: result.reason };
    if (result.lasting) uring = failed;
    return failed;
  }
  const { ring, native, facts } = result;
  const registered = new RegisteredBuffers(native, addressOf, () => ring.unsubmitted > 0);
  uring = { engine: new UringEngine(ring, addon, addressOf, registered), facts };
  return uring;
}

function acquireThreads(): Engine {
  if (threads === null) {
    const addon = loadAddon();
    threads = addon === null ? new NodeFsEngine() : new PoolEngine(addon, addressOf);
  }
  return threads;
}

/** uv_poll panics in Bun and never fires in Deno. */
function foreignRuntime(): string | null {
  if (process.versions.bun !== undefined) return 'Bun';
  if (process.versions.deno !== undefined) return 'Deno';
  return null;
}
