// What RadosClient gives back.
import type { LockOptions } from '../targets/rados/osd/held-lock.js';
import type { Striping } from '../targets/striping.js';
import type { RadosStep } from './step.js';

export interface RadosPool {
  readonly name: string;
  readonly id: number;
  readonly type: 'replicated' | 'erasure';
  /** Copies; k + m of an erasure-coded one. */
  readonly size: number;
  /** What the end of an object must be a multiple of to be appended to; 1: objects are written as one likes. */
  readonly alignment: number;
}

export interface RadosStat {
  readonly kind: 'object' | 'striped';
  readonly size: number;
  readonly mtime: Date;
  /** Of a striped file. */
  readonly layout: Striping | null;
}

export interface RadosLockOptions extends Partial<LockOptions> {}

/** What each step gave back, in their order. */
export type StepResults<S extends readonly RadosStep[]> = {
  readonly [K in keyof S]: S[K] extends RadosStep<infer T> ? T : never;
};

export interface Operated<S extends readonly RadosStep[]> {
  /** Of the object, for `step.assertVersion`. */
  readonly version: bigint;
  readonly results: StepResults<S>;
}
