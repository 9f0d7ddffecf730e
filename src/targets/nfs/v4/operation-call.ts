// Everything that is awaited: an operation told as data (how it is written, how its answer is read), and its promise.
import { type DioriteError, errors } from '../../../base/errors.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { CompoundReader, type StatusError } from './compound.js';
import type { OpenFile } from './open-file.js';
import { type CallHandler, forCall, type Lane, SessionCall } from './session-call.js';

export interface Operation<T> {
  /** For messages: `LOOKUP name`. */
  readonly what: string;
  /** How many operations of the wire it is, without SEQUENCE. */
  readonly operations: number;
  /** The one that changes something, if one does: then the server keeps the answer. */
  readonly effect?: number | undefined;
  /** False: once it may have had its effect it is not sent anew: `AnswerLost` is thrown. Default: true. */
  readonly repeatable?: boolean | undefined;
  /** Whose stateid is shown. */
  readonly file?: OpenFile | null | undefined;
  encode(xdr: XdrWriter): void;
  /** `epoch`: of the client id that it was carried out under. */
  decode(reader: CompoundReader, epoch: number): T;
}

/** The server's session ended with the answer to something that must not be done twice. Whoever asked settles it. */
export class AnswerLost extends Error {
  override readonly name = 'AnswerLost';
}

export class OperationCall<T> extends SessionCall {
  readonly lane: Lane;
  readonly sink = null;
  readonly promise: Promise<T>;
  readonly #operation: Operation<T>;
  #resolve: (value: T) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(handler: CallHandler, operation: Operation<T>, lane: Lane) {
    super(handler);
    this.#operation = operation;
    this.lane = lane;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get what(): string {
    return this.#operation.what;
  }

  get operations(): number {
    return this.#operation.operations;
  }

  get cached(): boolean {
    return this.#operation.effect !== undefined;
  }

  get repeatable(): boolean {
    return this.#operation.repeatable ?? true;
  }

  get file(): OpenFile | null {
    return this.#operation.file ?? null;
  }

  encodeOperations(xdr: XdrWriter): void {
    this.#operation.encode(xdr);
  }

  complete(xdr: XdrReader, count: number): void {
    const { effect = null } = this.#operation;
    this.#resolve(this.#operation.decode(new CompoundReader(xdr, count, effect, this.mayHaveRun), this.epoch));
  }

  refuse(error: StatusError): void {
    this.#reject(error);
  }

  giveUp(error: DioriteError): void {
    this.#reject(forCall(error, this.what));
  }

  answerLost(): void {
    this.#reject(new AnswerLost(`the answer to ${this.what} is lost`));
  }
}

/** For an operation that the server has said, or is known, not to have. */
export function unsupported(server: string, what: string): DioriteError {
  return errors.make('ERR_DIORITE_UNSUPPORTED', `${server} does not offer ${what}`);
}
