/**
 * diorite/target: for those who write a target of their own. A target implements Target; startTransfer carries out reads
 * and writes against it.
 * @module
 */
export type { Direction, Limits } from './plan/limits.js';
export type { TransferOptions } from './transfer/options.js';
export type { Outcome } from './transfer/outcome.js';
export { Request, type RequestOwner } from './transfer/request.js';
export type {
  BeginOptions,
  DataRange,
  Effect,
  Holes,
  IoMode,
  Layout,
  Publication,
  Publishing,
  Short,
  Target,
  Unit,
} from './transfer/target.js';
export { startTransfer } from './transfer/transfer.js';
