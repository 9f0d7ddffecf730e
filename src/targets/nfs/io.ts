// A READ or WRITE of the NFS target from its submission to its release: reused, so that a request costs no object.
import { assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import { SegmentList } from '../../plan/request.js';
import type { Request } from '../../transfer/request.js';
import type { Committed, IoCall, NfsOpenFile } from './protocol.js';

/** Who is told of what became of a call: the target. */
export interface IoHost {
  readDone(io: NfsIo, bytes: number, end: boolean, copiedBytes: number): void;
  writeDone(io: NfsIo, bytes: number, committed: Committed, verifier: bigint): void;
  failed(io: NfsIo, error: DioriteError, unsent: boolean, repeated: boolean): void;
}

/** `wire`: the server has it. `held`: answered, and its memory waits for a COMMIT. `again`: sent anew after a restart. */
export type IoStage = 'idle' | 'wire' | 'held' | 'again';

const NO_SEGMENTS: SegmentList = new SegmentList();

export class NfsIo implements IoCall {
  readonly file: NfsOpenFile;
  readonly #host: IoHost;
  #request: Request | null = null;
  stage: IoStage = 'idle';
  offset = 0;
  bytes = 0;
  segments: SegmentList = NO_SEGMENTS;
  /** The server's life in which it was answered. */
  verifier = 0n;
  /** How often it was sent again because that life had ended. */
  resends = 0;
  isAbandoned = false;

  constructor(host: IoHost, file: NfsOpenFile) {
    this.#host = host;
    this.file = file;
  }

  get request(): Request {
    assert(this.#request !== null, 'a call in flight has its request');
    return this.#request;
  }

  begin(request: Request): void {
    assert(this.stage === 'idle', 'a call is used for one request at a time');
    this.#request = request;
    this.stage = 'wire';
    this.offset = request.offset;
    this.bytes = request.bytes;
    this.segments = request.segments;
    this.resends = 0;
    this.isAbandoned = false;
  }

  /** Forgets the request, for reuse. */
  end(): void {
    this.stage = 'idle';
    this.#request = null;
    this.segments = NO_SEGMENTS;
  }

  readDone(bytes: number, end: boolean, copiedBytes: number): void {
    this.#host.readDone(this, bytes, end, copiedBytes);
  }

  writeDone(bytes: number, committed: Committed, verifier: bigint): void {
    this.#host.writeDone(this, bytes, committed, verifier);
  }

  failed(error: DioriteError, unsent: boolean, repeated: boolean): void {
    this.#host.failed(this, error, unsent, repeated);
  }
}
