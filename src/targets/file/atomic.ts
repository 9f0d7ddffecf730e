// Atomic writes (RWF_ATOMIC): one request, all of it or none of it, or a refusal that gives the limits.
import { DioriteError, errors } from '../../base/errors.js';
import { isPowerOfTwo } from '../../base/integers.js';
import type { Direction, Limits } from '../../plan/limits.js';
import type { AtomicWriteFacts } from '../../transfer/facts.js';
import type { AtomicTarget } from '../../transfer/file-like.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, IoMode, Target } from '../../transfer/target.js';
import { Op, RWF_ATOMIC } from './engines/engine.js';
import type { FileTarget } from './file-target.js';

/** What the kernel refuses an atomic write with before it looks at anything: it never does half of one. */
const REFUSED = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUP']);

/**
 * The file as the target of one atomic write. Its limits let nothing be cut: one request of all the bytes, in one
 * segment (the kernel takes no vector for it), which is the caller's memory or, where that is scattered or
 * misaligned, a copy. Nothing falls back: not to the page cache, not to two requests, not to a plain write.
 */
export class AtomicWrite implements AtomicTarget {
  readonly name: string;
  readonly seekable = true;
  readonly bestDepth = 1;
  readonly durable: Target['durable'];
  readonly #file: FileTarget;
  readonly #limits: Limits;

  /** Throws where the file cannot promise it for just this range. */
  constructor(file: FileTarget, offset: number, bytes: number) {
    this.name = file.name;
    this.durable = file.durable;
    this.#file = file;
    checkRange(file, supported(file), offset, bytes);
    const alignment = file.facts.writeAlignment.value;
    this.#limits = {
      memoryAlignment: file.facts.memoryAlignment.value,
      offsetAlignment: alignment,
      endAlignment: alignment,
      maxBytes: bytes,
      bestBytes: bytes,
      maxSegments: 1,
      bestSegments: 1,
      // Any second run is copied together with the first, so that one segment is enough.
      copyBreakBytes: Number.POSITIVE_INFINITY,
      boundaryBytes: 0,
      until: Number.POSITIVE_INFINITY,
    };
  }

  get size(): number | undefined {
    return this.#file.size;
  }

  limitsAt(): Limits {
    return this.#limits;
  }

  submit(request: Request): boolean {
    return this.#file.submit(request, RWF_ATOMIC);
  }

  onceDrained(callback: () => void): void {
    this.#file.onceDrained(callback);
  }

  cancel(): void {}

  effectOf(error: DioriteError): Effect {
    return REFUSED.has(error.code) ? 'none' : this.#file.effectOf(error);
  }

  ioMode(direction: Direction): IoMode {
    return this.#file.ioMode(direction);
  }

  sync(options?: { readonly dataOnly?: boolean }): Promise<void> {
    return this.#file.sync(options);
  }

  /** A kernel's refusal becomes ours, with the limits and the ledger. */
  refusal(error: unknown): unknown {
    if (!(error instanceof DioriteError) || !REFUSED.has(error.code)) return error;
    const refused = refusal(this.#file, `the kernel answers ${error.code}`, error);
    const { offset, length, bytes, extents } = error;
    return Object.assign(refused, { offset, length, bytes, extents });
  }

  /** It is the file that is closed. */
  async close(): Promise<void> {}
}

function supported(file: FileTarget): AtomicWriteFacts {
  const { engine, facts } = file;
  const notDirect = file.notDirect('write');
  if (notDirect !== null) throw refusal(file, `it must be direct: ${notDirect}`);
  if (!engine.supports(Op.WRITE, RWF_ATOMIC)) throw refusal(file, 'it needs the native addon');
  if (facts.atomicWrite === null) throw refusal(file, `${facts.fsName} promises none for this file (statx)`);
  return facts.atomicWrite;
}

function checkRange(file: FileTarget, limits: AtomicWriteFacts, offset: number, bytes: number): void {
  const { minBytes, maxBytes } = limits;
  const range = `a power of two from ${minBytes} to ${maxBytes} bytes in an atomic write to ${file.name}`;
  if (!isPowerOfTwo(bytes) || bytes < minBytes || bytes > maxBytes) throw errors.outOfRange('length', range, bytes);
  if (offset % bytes !== 0) {
    const expected = `a multiple of the length, ${bytes}, where the write is atomic`;
    throw errors.outOfRange('position', expected, offset);
  }
}

function refusal(file: FileTarget, why: string, cause?: DioriteError): DioriteError {
  const limits = file.facts.atomicWrite;
  const given = limits === null ? 'limits: none' : `limits: ${limits.minBytes} to ${limits.maxBytes} bytes`;
  const message = `${file.name}: an atomic write cannot be had: ${why}; ${given}`;
  return errors.make('ERR_DIORITE_UNSUPPORTED', message, { path: file.name, cause });
}
