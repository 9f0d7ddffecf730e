/**
 * diorite/rados: objects and striped files of Ceph clusters. Files alone are opened and copied by `open` and `copy` of
 * the main entry, which take rados:// URLs.
 * @module
 */
export { RadosClient } from './rados/client.js';
export type { Operated, RadosLockOptions, RadosPool, RadosStat, StepResults } from './rados/results.js';
export {
  type Comparison,
  type ObjectStat,
  type OmapPage,
  type RadosBytes,
  type RadosPayload,
  type RadosStep,
  step,
} from './rados/step.js';
export type { HeldLock as RadosLock } from './targets/rados/osd/held-lock.js';
export type { ListedObject } from './targets/rados/osd/listing.js';
export type { Locker, LockInfo } from './targets/rados/osd/lock-steps.js';
export { objectName as stripedObjectName } from './targets/rados/striped/layout.js';
export type { Striping } from './targets/striping.js';
