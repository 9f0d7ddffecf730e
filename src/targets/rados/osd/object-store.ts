// What carries out requests to objects: the objecter, or librados where it is installed.
import type { ObjectName, RequestResult } from './request.js';
import type { Step } from './step.js';

export interface ObjectStore {
  /** All of the steps or none. Throws what the OSD answers; a step's memory is in use until this settles. */
  execute(object: ObjectName, steps: readonly Step[]): Promise<RequestResult>;
  close(): Promise<void>;
}
