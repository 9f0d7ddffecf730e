// One request on its way through the engine: reused, and a claim on the pages that it changes.
import type { Request } from '../../transfer/request.js';
import type { Claim, ClaimKind } from '../inode/range-lock.js';
import { type Engine, Op, type Operation } from './engines/engine.js';
import { submitWhenRoom } from './run.js';

export interface OperationOwner {
  readonly engine: Engine;
  completed(operation: FileOperation, result: number): void;
}

export class FileOperation implements Operation, Claim {
  start = 0;
  end = 0;
  kind: ClaimKind = 'direct';
  waits = false;
  /** It is in the inode's lock. */
  claims = false;
  op: Op = Op.READ;
  fd = -1;
  offset = 0;
  length = 0;
  flags = 0;
  segments: Operation['segments'] = null;
  buffered = false;
  request: Request | null = null;
  /** Sent through the cache after a direct one was refused. */
  instead = false;
  /** Sent once more for what lies before the end of the file. */
  cut = false;
  cachedBefore = -1;
  readonly #owner: OperationOwner;

  constructor(owner: OperationOwner) {
    this.#owner = owner;
  }

  complete(result: number): void {
    this.#owner.completed(this, result);
  }

  granted(): void {
    submitWhenRoom(this.#owner.engine, this);
  }
}
