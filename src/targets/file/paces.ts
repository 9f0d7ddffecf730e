// Where the search for depth and request size begins for a file, and what it found: shared by all files of a device.
import type { Direction } from '../../plan/limits.js';
import type { FileFacts } from '../../transfer/facts.js';
import { type Chosen, Pace, type PaceBounds } from '../../transfer/pace.js';
import type { Engine } from './engines/engine.js';
import { queue } from './facts.js';
import { BEST_BYTES_DEFAULT } from './limits.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Measured on a virtio disk and on zram: 16 requests of 1 MiB move as much as more do, and 4 to 8 move 5 to 20 % less. */
const DEPTH_START = 16;
const DEPTH_MIN = 2;
const DEPTH_MAX = 32;
const REQUEST_BYTES_MIN = 256 * KIB;
/**
 * As large as the device takes at once (max_sectors_kb is 1 to 4 MiB nearly everywhere): with as many bytes in flight, 4 MiB
 * cost the processors half of what 1 MiB do (measured on virtio). Larger ones are cut by the block layer.
 */
const REQUEST_BYTES_MAX = 4 * MIB;
const BYTES_MAX = 32 * MIB;
/** So many devices are remembered. */
const PACES_MAX = 64;

export interface PaceStart {
  readonly bounds: PaceBounds;
  readonly start: Chosen;
}

/** By what the device says of its queue. Where it says nothing (network, FUSE, several devices), what does for most. */
export function paceStart({ device }: Pick<FileFacts, 'device'>, engine: Pick<Engine, 'depth'>): PaceStart {
  const requests = Number(queue(device, 'nr_requests') ?? Number.NaN);
  const kib = Number(queue(device, 'max_sectors_kb') ?? Number.NaN);
  const isKnown = requests > 0 && kib > 0;
  const whole = isKnown ? powerOfTwo(kib) * KIB : BEST_BYTES_DEFAULT;
  const requestBytes = Math.min(REQUEST_BYTES_MAX, Math.max(BEST_BYTES_DEFAULT, whole));
  const parts = Math.ceil(requestBytes / whole);
  // A submitter that finds the queue full is put to sleep, and with it the event loop.
  const room = isKnown ? powerOfTwo(requests / parts) : DEPTH_MAX;
  const depthMax = Math.max(DEPTH_MIN, Math.min(DEPTH_MAX, powerOfTwo(engine.depth), room));
  const depth = Math.min(DEPTH_START, depthMax, BYTES_MAX / requestBytes);
  const said = isKnown ? `the device queues ${requests} requests of ${kib} KiB` : 'no device says how much it queues';
  const bounded = depth === depthMax ? 'as many as fit' : `${depth} keep most devices busy`;
  return {
    bounds: {
      depthMin: Math.min(DEPTH_MIN, depth),
      depthMax,
      requestBytesMin: REQUEST_BYTES_MIN,
      requestBytesMax: REQUEST_BYTES_MAX,
      bytesMax: BYTES_MAX,
    },
    start: { depth, requestBytes, why: `the start: ${said}; ${bounded}` },
  };
}

function powerOfTwo(atMost: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(atMost)));
}

const paces = new Map<string, Pace>();

/** What is known of the way to this file's device; `direct`: past the page cache. */
export function paceOf(facts: FileFacts, engine: Engine, direction: Direction, direct: boolean): Pace {
  const { major, minor } = facts.device;
  const key = `${major}:${minor} ${engine.name} ${direction} ${direct ? 'direct' : 'buffered'}`;
  let pace = paces.get(key);
  if (pace === undefined) {
    const { bounds, start } = paceStart(facts, engine);
    pace = new Pace(bounds, start);
    const [oldest] = paces.keys();
    // Whoever uses it goes on with it.
    if (paces.size === PACES_MAX && oldest !== undefined) paces.delete(oldest);
    paces.set(key, pace);
  }
  return pace;
}
