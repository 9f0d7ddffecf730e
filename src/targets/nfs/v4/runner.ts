// Operations as promises, and their refusals as errors that name server and operation.
import type { DioriteError } from '../../../base/errors.js';
import { nfsError } from '../status.js';
import { StatusError } from './compound.js';
import { OP } from './constants.js';
import { type Operation, OperationCall } from './operation-call.js';
import type { CallHandler, Lane, SessionCall } from './session-call.js';

export abstract class Runner implements CallHandler {
  abstract readonly minorVersion: number;
  abstract readonly server: string;
  abstract submit(call: SessionCall): void;
  abstract replied(...answer: Parameters<CallHandler['replied']>): void;
  abstract failed(call: SessionCall, error: DioriteError, unsent: boolean): void;

  named(error: StatusError, what: string): DioriteError {
    return nfsError(error.status, error.operation === OP.SEQUENCE ? `${what} (SEQUENCE)` : what, this.server);
  }

  /** Rejects with a StatusError, an AnswerLost, or a DioriteError where no answer came. */
  run<T>(operation: Operation<T>, lane: Lane = 'operation'): Promise<T> {
    const call = new OperationCall(this, operation, lane);
    this.submit(call);
    return call.promise;
  }

  /** The same, with an error that names server and operation. */
  async ask<T>(operation: Operation<T>): Promise<T> {
    try {
      return await this.run(operation);
    } catch (error) {
      throw this.told(error, operation.what);
    }
  }

  /** What the caller is told of an error that `run` rejected with. */
  told(error: unknown, what: string): unknown {
    return error instanceof StatusError ? this.named(error, what) : error;
  }
}
