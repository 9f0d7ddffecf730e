/**
 * diorite/memory: page-aligned memory that goes to a disk without a copy. A pool gives leases; a region is a piece of one's
 * own.
 * @module
 */
export { type HostPages, hostPages } from './memory/pages.js';
export { defaultPool, type Lease, Pool } from './memory/pool.js';
export { Region } from './memory/region.js';
