// How many pieces a copy has on the way: what it starts with, and how far it may go.
import { type Chosen, Pace } from '../transfer/pace.js';
import { ADAPTED_DEPTH_MAX, type CopySettings, DEFAULT_DEPTH, DEFAULT_REQUEST_BYTES } from './options.js';

const ADAPTED_DEPTH_MIN = 2;
/** A copy that is over before a second rate is known learns nothing. */
const CELLS_MIN = 64;

export interface CopyPace {
  /** Null: the depth stays as it is. */
  readonly pace: Pace | null;
  /** Where there is no pace. */
  readonly fixed: Chosen;
}

/** Where nothing is asked for. */
export const COPY_START: Chosen = {
  depth: DEFAULT_DEPTH,
  requestBytes: DEFAULT_REQUEST_BYTES,
  why: 'the start: four pieces of 4 MiB keep most devices busy',
};

/** `size`: undefined where the source does not know it. `count`: of destinations. */
export function copyPace(settings: CopySettings, size: number | undefined, count: number): CopyPace {
  const { depth, requestBytes, adapts } = settings;
  const is = (why: string): Chosen => ({ depth, requestBytes, why });
  if (!adapts) return { pace: null, fixed: is('asked for') };
  if (count > 1)
    return { pace: null, fixed: is('the default: a fast destination runs ahead of a slow one by that much') };
  if (size === undefined) return { pace: null, fixed: is('the default: a stream sets the pace itself') };
  if (size < CELLS_MIN * requestBytes) return { pace: null, fixed: is('the default: too short to learn from') };
  // The size stays: pieces lie on one grid, so that checksums of both sides are of the same pieces.
  const bounds = {
    depthMin: ADAPTED_DEPTH_MIN,
    depthMax: ADAPTED_DEPTH_MAX,
    requestBytesMin: requestBytes,
    requestBytesMax: requestBytes,
    bytesMax: ADAPTED_DEPTH_MAX * requestBytes,
  };
  return { pace: new Pace(bounds, COPY_START), fixed: COPY_START };
}
