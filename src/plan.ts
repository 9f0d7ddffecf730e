/**
 * diorite/plan: how memory would be laid over a target as requests, to look at or to print. Apart from the entry, so that
 * programs which only read and write do not load it.
 * @module
 */
import './memory/host.js'; // a plan must know where memory really lies

export { type Plan, type PlanOptions, type PlanRequest, type PlanSegment, type PlanTotals, plan } from './draw/plan.js';
