// A request of the RADOS target from its submission to its release: reused, so that the target's part of it costs no object.
import { assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import type { Request } from '../../transfer/request.js';
import { type ObjectName, OsdRequest, type RequestResult, type RequestUser } from './osd/request.js';
import { read, write } from './osd/step.js';

/** Who is told of what became of it: the target. */
export interface IoHost {
  answered(io: RadosIo, result: RequestResult): void;
  failed(io: RadosIo, error: DioriteError, unsent: boolean): void;
}

export class RadosIo implements RequestUser {
  readonly #host: IoHost;
  #request: Request | null = null;
  /** Null: it is not with the objecter. */
  sent: OsdRequest | null = null;
  /** What it ends with, though it is with the objecter or waits for something else. */
  isAbandoned = false;

  constructor(host: IoHost) {
    this.#host = host;
  }

  get request(): Request {
    assert(this.#request !== null, 'a call in flight has its request');
    return this.#request;
  }

  begin(request: Request): void {
    assert(this.#request === null, 'a call is used for one request at a time');
    this.#request = request;
    this.isAbandoned = false;
  }

  /** What is to be submitted; once more where it has to be asked again. */
  make(object: ObjectName): OsdRequest {
    const { direction, offset, bytes, segments } = this.request;
    const step = direction === 'read' ? read(offset, bytes, segments) : write(offset, segments, bytes);
    const made = new OsdRequest(object, [step], this);
    this.sent = made;
    return made;
  }

  /** Forgets the request, for reuse. */
  end(): void {
    this.#request = null;
    this.sent = null;
  }

  answered(result: RequestResult): void {
    this.#host.answered(this, result);
  }

  failed(error: DioriteError, unsent: boolean): void {
    this.#host.failed(this, error, unsent);
  }
}
