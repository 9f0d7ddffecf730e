// The one table of error codes, and the shape that every error of the library has: Node's, with the ledger added.

/** What is known of a byte of a transfer. See docs/Errors.md. */
export type ExtentState = 'done' | 'failed' | 'unknown';

/** A stretch of the target's bytes in one state. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly state: ExtentState;
}

/** The library's own codes. Errors of the kernel keep theirs (`EIO`, `ENOSPC` …). */
export const CODES = {
  ERR_OUT_OF_RANGE: 'a number is outside what is allowed',
  ERR_INVALID_ARG_TYPE: 'an argument has the wrong type',
  ERR_INVALID_ARG_VALUE: 'an argument has a value that is not allowed',
  ABORT_ERR: 'the operation was aborted by its signal',
  ERR_DIORITE_ASSERTION: 'an invariant of the library does not hold: a bug in diorite',
  ERR_DIORITE_ITERATOR_BUSY: 'the iterator is being walked and may not be moved',
  ERR_DIORITE_ITERATOR_BOUNDS: 'the iterator would move before its start or past what it holds',
  ERR_DIORITE_DIRECTION: 'an iterator that may only be read from is written to',
  ERR_DIORITE_ASYNC_CALLBACK: 'a callback that must be synchronous returned a promise',
  ERR_DIORITE_DETACHED: 'memory was transferred or detached',
  ERR_DIORITE_CLOSED: 'the file, lease or region is closed',
  ERR_DIORITE_NOT_DIRECT: "io: 'direct' was asked and cannot be had",
  ERR_DIORITE_NO_PROGRESS: 'the target answers again and again without moving a byte',
  ERR_DIORITE_SHORT: 'the target ended before all bytes were written',
  ERR_DIORITE_POISONED: 'a sync of this inode failed: what was written since the last good one is unknown',
  ERR_DIORITE_VERIFIER: 'the server restarted and lost bytes that were not stable yet: extents say which',
  ERR_DIORITE_UNSUPPORTED: 'the target or this machine cannot do that',
  ERR_DIORITE_SAME_FILE: 'source and destination, or two destinations, are the same file',
  ERR_DIORITE_EXISTS: 'the destination exists',
  ERR_DIORITE_SOURCE_CHANGED: 'the source changed while it was copied',
  ERR_DIORITE_SOURCE_FAILED:
    'the source is not all there: its program failed, or it has another size than it must have',
  ERR_DIORITE_VERIFY: 'what was read back differs from what was written',
  ERR_DIORITE_DESTINATIONS: 'not every destination of a copy was written: its result says which',
  ERR_DIORITE_BATCH: 'not every element of a batch was moved: the batch says which, and why',
  ERR_DIORITE_BATCH_BUSY: 'the batch is handed over, and not answered yet',
  ERR_DIORITE_BUDGET: 'more memory is asked for than the pool may hold',
} as const;

export type Code = keyof typeof CODES;

export interface ErrorDetails {
  code: string;
  errno?: number | undefined;
  syscall?: string | undefined;
  path?: string | undefined;
  dest?: string | undefined;
  /** Where in the target the operation began. */
  offset?: number | undefined;
  /** How many bytes the operation was asked to move. */
  length?: number | undefined;
  cause?: unknown;
}

/**
 * Every error that the library makes. `code` is one of CODES or the kernel's name (`EIO`).
 * An error of a transfer carries the ledger as well: `bytes`, the unbroken run of done bytes from the start, and
 * `extents`, which cover the range without gap or overlap.
 */
export class DioriteError extends Error {
  override readonly name: string = 'DioriteError';
  readonly code: string;
  // Declared, not defined: an error shows the fields that it has, as Node's do.
  declare readonly errno?: number;
  declare readonly syscall?: string;
  declare readonly path?: string;
  declare readonly dest?: string;
  declare offset?: number;
  declare length?: number;
  declare bytes?: number;
  declare extents?: readonly Extent[];

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.path !== undefined) this.path = details.path;
    if (details.dest !== undefined) this.dest = details.dest;
    if (details.offset !== undefined) this.offset = details.offset;
    if (details.length !== undefined) this.length = details.length;
  }
}

/** As DOMException's and Node's: `error.name === 'AbortError'` is how callers tell. */
export class AbortError extends DioriteError {
  override readonly name = 'AbortError';
}

class DioriteTypeError extends DioriteError {
  override readonly name = 'TypeError';
}

class DioriteRangeError extends DioriteError {
  override readonly name = 'RangeError';
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value === null || typeof value !== 'object') return String(value);
  return `an instance of ${value.constructor?.name ?? 'Object'}`;
}

/** Makers of the errors that more than one place throws. */
export const errors = {
  make(code: Code, message: string, details: Omit<ErrorDetails, 'code'> = {}): DioriteError {
    return new DioriteError(message, { ...details, code });
  },
  invalidType(name: string, expected: string, value: unknown): DioriteError {
    return new DioriteTypeError(`The "${name}" argument must be ${expected}. Received ${shown(value)}`, {
      code: 'ERR_INVALID_ARG_TYPE' satisfies Code,
    });
  },
  invalidValue(name: string, expected: string, value: unknown): DioriteError {
    return new DioriteTypeError(`The "${name}" argument must be ${expected}. Received ${shown(value)}`, {
      code: 'ERR_INVALID_ARG_VALUE' satisfies Code,
    });
  },
  outOfRange(name: string, expected: string, value: unknown): DioriteError {
    return new DioriteRangeError(
      `The value of "${name}" is out of range. It must be ${expected}. Received ${shown(value)}`,
      {
        code: 'ERR_OUT_OF_RANGE' satisfies Code,
      },
    );
  },
  aborted(cause?: unknown): AbortError {
    return new AbortError('The operation was aborted', { code: 'ABORT_ERR' satisfies Code, cause });
  },
} as const;
