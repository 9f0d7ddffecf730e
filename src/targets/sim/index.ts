// The simulator, for tests of the library and of what is built on it.
export type { MemoryPlaces } from './checks.js';
export { type Pump, SimClock } from './clock.js';
export type { FaultedOperation, FaultKind, FaultRule } from './faults.js';
export { Media, type MediaOptions } from './media.js';
export {
  type Latency,
  PIPE_LIMITS,
  SIM_LIMITS,
  type SimEvent,
  type SimOptions,
  type SimOverlap,
  type SimStats,
} from './options.js';
export { Prng } from './prng.js';
export { SimTarget } from './sim-target.js';
export { type PublishStep, SimStore, type SimStoreOptions } from './store.js';
