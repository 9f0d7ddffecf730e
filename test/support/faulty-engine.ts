// An engine that carries out operations for real, but for those that a test wants to fail, shorten or only watch.
import type { Engine, Op, Operation } from '../../src/targets/file/engines/engine.js';

/**
 * What to do with an operation: carry it out (undefined), answer with a result instead, carry out only a part, or carry
 * it out and say that it was less: FUSE servers answer so, in mid-block.
 */
export type Verdict =
  | undefined
  | { readonly result: number }
  | { readonly onlyBytes: number }
  | { readonly saidBytes: number };

export class FaultyEngine implements Engine {
  readonly name: 'uring' | 'threads';
  readonly addresses: boolean;
  readonly maxSegments: number;
  readonly depth: number;
  readonly #real: Engine;
  readonly #judge: (operation: Operation) => Verdict;

  constructor(real: Engine, judge: (operation: Operation) => Verdict) {
    this.#real = real;
    this.#judge = judge;
    this.name = real.name;
    this.addresses = real.addresses;
    this.maxSegments = real.maxSegments;
    this.depth = real.depth;
  }

  supports(op: Op, flags?: number): boolean {
    return flags === undefined ? this.#real.supports(op) : this.#real.supports(op, flags);
  }

  submit(operation: Operation): boolean {
    const verdict = this.#judge(operation);
    if (verdict === undefined) return this.#real.submit(operation);
    if ('result' in verdict) {
      setImmediate(() => operation.complete(verdict.result));
      return true;
    }
    if ('saidBytes' in verdict) return this.#real.submit(answering(operation, verdict.saidBytes));
    return this.#real.submit(shortened(operation, verdict.onlyBytes));
  }

  onceDrained(callback: () => void): void {
    this.#real.onceDrained(callback);
  }
}

function answering(operation: Operation, bytes: number): Operation {
  const { op, fd, offset, length, flags, buffered, segments } = operation;
  const complete = (result: number): void => operation.complete(Math.min(result, bytes));
  return { op, fd, offset, length, flags, buffered, segments, complete };
}

/** The operation's first segment, cut to `most` bytes: a file system that takes less than it was given. */
function shortened(operation: Operation, most: number): Operation {
  const buffer = operation.segments?.buffer[0];
  if (operation.segments === null || buffer == null) throw new Error('only reads and writes are shortened');
  // An end may be shorter than that.
  const bytes = Math.min(most, operation.segments.length[0] ?? 0);
  const segments = Object.create(operation.segments) as typeof operation.segments;
  segments.count = 1;
  Object.defineProperty(segments, 'length', { value: [bytes] });
  return {
    op: operation.op,
    fd: operation.fd,
    offset: operation.offset,
    length: bytes,
    flags: operation.flags,
    buffered: operation.buffered,
    segments,
    complete: (result) => operation.complete(result),
  };
}
