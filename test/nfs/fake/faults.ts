// What goes wrong on the fake server, and when: asked at every call, by its number.
import type { DioriteError } from '../../../src/base/errors.js';
import type { Committed } from '../../../src/targets/nfs/protocol.js';

/** The names of NfsProtocol's methods; a read is `startRead`, a write `startWrite`. */
export type FakeOperation =
  | 'startRead'
  | 'startWrite'
  | 'commit'
  | 'lookup'
  | 'attributes'
  | 'setAttributes'
  | 'access'
  | 'readLink'
  | 'open'
  | 'closeFile'
  | 'remove'
  | 'removeDirectory'
  | 'rename'
  | 'link'
  | 'symlink'
  | 'makeDirectory'
  | 'readDirectory'
  | 'space'
  | 'seek'
  | 'allocate'
  | 'deallocate'
  | 'copy'
  | 'clone'
  | 'ping';

export interface FakeCall {
  readonly operation: FakeOperation;
  /** Among all calls, from 1. */
  readonly number: number;
  /** Among the calls of this operation, from 1. */
  readonly nth: number;
  /** The name it is about; null: none. */
  readonly name: string | null;
  readonly offset: number;
  readonly bytes: number;
}

export interface Fault {
  /** What it fails with: an errno's name, or the error itself. */
  readonly error?: string | DioriteError;
  /** The error says that not a byte was sent. Default false. */
  readonly unsent?: boolean;
  /** It was sent before, and that answer was lost. Default false. */
  readonly repeated?: boolean;
  /** It is carried out all the same (`bytes` of it, if given), and only the answer is an error. */
  readonly done?: boolean;
  /** READ, WRITE and COPY move so many bytes at most. */
  readonly bytes?: number;
  /** A READ that was cut short says that the file ends there. */
  readonly end?: boolean;
  /** The bits that ACCESS is refused. */
  readonly refused?: number;
  /** What a WRITE is answered with, if more than was asked: its bytes are then durable. */
  readonly committed?: Committed;
  /** The server restarts before it carries the call out, or between that and its answer. */
  readonly restart?: 'before' | 'after';
  /** The answer waits for `release`. */
  readonly hold?: boolean;
}

/** Null: all is well. */
export type Faults = (call: FakeCall) => Fault | null;

/** `fault` for the n-th call of the operation, or of all where `operation` is null. */
export function nthFault(operation: FakeOperation | null, nth: number, fault: Fault): Faults {
  return (call) => {
    if (operation === null) return call.number === nth ? fault : null;
    return call.operation === operation && call.nth === nth ? fault : null;
  };
}

/** `fault` for every call of these operations. */
export function everyFault(operations: readonly FakeOperation[], fault: Fault): Faults {
  return (call) => (operations.includes(call.operation) ? fault : null);
}

/** The first that has something to say. */
export function firstFault(...all: readonly Faults[]): Faults {
  return (call) => {
    for (const faults of all) {
      const fault = faults(call);
      if (fault !== null) return fault;
    }
    return null;
  };
}
