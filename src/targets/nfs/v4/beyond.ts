// What NFSv4.2 adds, where the server has it: SEEK, ALLOCATE, DEALLOCATE, COPY, CLONE (RFC 7862).
import { setTimeout as pause } from 'node:timers/promises';
import type { Committed, NfsOffers } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import { StatusError } from './compound.js';
import { NFS4_CONTENT_DATA, NFS4_CONTENT_HOLE, OP, STATUS } from './constants.js';
import { nextDelayMs } from './decisions.js';
import type { Dispatcher } from './dispatcher.js';
import type { OpenFile } from './open-file.js';
import { type Operation, unsupported } from './operation-call.js';
import { readStateid, type Stateid } from './stateid.js';
import { putHandle } from './wire.js';

/** A copy that the server carries out by itself, and whose progress stands still for so long, is given up. */
const OFFLOAD_STILL_MS = 60_000;

interface Copied {
  readonly bytes: number;
  readonly committed: Committed;
  readonly verifier: bigint;
  /** Set: the server goes on copying by itself. */
  readonly offload: Stateid | null;
}

/** Statuses that say: not here, neither now nor later. */
function isLacking({ status }: StatusError): boolean {
  return status === STATUS.NOTSUPP || status === STATUS.OP_ILLEGAL || status === STATUS.UNION_NOTSUPP;
}

export class Beyond {
  readonly offers: NfsOffers;
  readonly #dispatcher: Dispatcher;
  readonly #stillMs: number;

  constructor(dispatcher: Dispatcher, stillMs: number = OFFLOAD_STILL_MS) {
    this.#dispatcher = dispatcher;
    this.#stillMs = stillMs;
    const has = dispatcher.minorVersion >= 2;
    this.offers = { seek: has, allocate: has, deallocate: has, copy: has, clone: has };
  }

  /** Asks, unless the server is known to lack it; remembers where it turns out to. */
  async #ask<T>(offer: keyof NfsOffers, operation: Operation<T>): Promise<T> {
    const { server } = this.#dispatcher;
    if (!this.offers[offer]) throw unsupported(server, offer.toUpperCase());
    try {
      return await this.#dispatcher.run(operation);
    } catch (error) {
      if (error instanceof StatusError && isLacking(error)) {
        this.offers[offer] = false;
        throw unsupported(server, offer.toUpperCase());
      }
      throw error;
    }
  }

  async seek(file: OpenFile, offset: number, what: 'data' | 'hole'): Promise<number | null> {
    const operation: Operation<{ end: boolean; offset: bigint }> = {
      what: `SEEK ${file.name}`,
      operations: 2,
      file,
      encode(xdr) {
        putHandle(xdr, file.handle);
        xdr.u32(OP.SEEK);
        xdr.fixed(file.stateid);
        xdr.u64(offset);
        xdr.u32(what === 'data' ? NFS4_CONTENT_DATA : NFS4_CONTENT_HOLE);
      },
      decode(reader) {
        const { xdr } = reader.next(OP.PUTFH).next(OP.SEEK);
        return { end: xdr.bool(), offset: xdr.u64() };
      },
    };
    try {
      const found = await this.#ask('seek', operation);
      // At the end a hole begins; data do not.
      if (found.end && what === 'data') return null;
      if (found.offset < BigInt(offset) || found.offset > BigInt(Number.MAX_SAFE_INTEGER))
        throw systemError('EIO', `${this.#dispatcher.server}: ${operation.what} from ${offset} gives ${found.offset}`);
      return Number(found.offset);
    } catch (error) {
      // RFC 7862 §15.11.3: the offset lies at or behind the end; for data also: none follows.
      if (error instanceof StatusError && error.status === STATUS.NXIO) return null;
      throw this.#dispatcher.told(error, operation.what);
    }
  }

  allocate(file: OpenFile, offset: number, length: number): Promise<void> {
    return this.#range('allocate', OP.ALLOCATE, file, offset, length);
  }

  deallocate(file: OpenFile, offset: number, length: number): Promise<void> {
    return this.#range('deallocate', OP.DEALLOCATE, file, offset, length);
  }

  async #range(
    offer: 'allocate' | 'deallocate',
    operation: number,
    file: OpenFile,
    offset: number,
    length: number,
  ): Promise<void> {
    const what = `${offer.toUpperCase()} ${file.name}`;
    const asked: Operation<void> = {
      what,
      operations: 2,
      effect: operation,
      file,
      encode(xdr) {
        putHandle(xdr, file.handle);
        xdr.u32(operation);
        xdr.fixed(file.stateid);
        xdr.u64(offset);
        xdr.u64(length);
      },
      decode(reader) {
        reader.next(OP.PUTFH).next(operation);
      },
    };
    try {
      await this.#ask(offer, asked);
    } catch (error) {
      throw this.#dispatcher.told(error, what);
    }
  }

  /** Asked for synchronously; where the server prefers to go on by itself, it is asked how far it is. */
  async copy(
    from: OpenFile,
    fromOffset: number,
    to: OpenFile,
    toOffset: number,
    length: number,
  ): Promise<{ bytes: number; committed: Committed; verifier: bigint }> {
    const what = `COPY ${from.name} to ${to.name}`;
    try {
      const copied = await this.#ask('copy', copyOperation(from, fromOffset, to, toOffset, length, what));
      if (copied.bytes > length) throw this.#tooMuch(what, copied.bytes, length);
      const { committed, verifier } = copied;
      if (copied.offload === null) return { bytes: copied.bytes, committed, verifier };
      const bytes = await this.#follow(to, copied.offload, length);
      return { bytes, committed, verifier };
    } catch (error) {
      if (error instanceof StatusError && error.status === STATUS.OFFLOAD_NO_REQS)
        throw unsupported(this.#dispatcher.server, 'a COPY that is done when it is answered');
      throw this.#dispatcher.told(error, what);
    }
  }

  #tooMuch(what: string, bytes: number, length: number): Error {
    return systemError('EIO', `${this.#dispatcher.server}: ${what}: ${bytes} bytes are copied of ${length}`);
  }

  /** Until the server says that it is done, or makes no progress for too long. */
  async #follow(file: OpenFile, copy: Stateid, length: number): Promise<number> {
    const what = `OFFLOAD_STATUS ${file.name}`;
    let last = -1;
    let delayMs = 0;
    for (let movedMs = performance.now(); ; ) {
      const { bytes, status } = await this.#dispatcher.run(offloadStatus(file, copy, what));
      if (bytes > length) throw this.#tooMuch(what, bytes, length);
      if (status === STATUS.OK) return bytes;
      if (status !== null) throw new StatusError(status, OP.COPY, true);
      if (bytes > last) {
        movedMs = performance.now();
        delayMs = 0;
      } else if (performance.now() - movedMs > this.#stillMs)
        throw systemError('ETIMEDOUT', `${this.#dispatcher.server}: ${what}: no progress at ${bytes} bytes`);
      last = bytes;
      delayMs = nextDelayMs(delayMs, 'grace');
      await pause(delayMs);
    }
  }

  async clone(from: OpenFile, fromOffset: number, to: OpenFile, toOffset: number, length: number): Promise<void> {
    const what = `CLONE ${from.name} to ${to.name}`;
    const operation: Operation<void> = {
      what,
      operations: 4,
      effect: OP.CLONE,
      file: to,
      encode(xdr) {
        putHandle(xdr, from.handle);
        xdr.u32(OP.SAVEFH);
        putHandle(xdr, to.handle);
        xdr.u32(OP.CLONE);
        xdr.fixed(from.stateid);
        xdr.fixed(to.stateid);
        xdr.u64(fromOffset);
        xdr.u64(toOffset);
        xdr.u64(length);
      },
      decode(reader) {
        reader.next(OP.PUTFH).next(OP.SAVEFH).next(OP.PUTFH).next(OP.CLONE);
      },
    };
    try {
      await this.#ask('clone', operation);
    } catch (error) {
      throw this.#dispatcher.told(error, what);
    }
  }
}

function copyOperation(
  from: OpenFile,
  fromOffset: number,
  to: OpenFile,
  toOffset: number,
  length: number,
  what: string,
): Operation<Copied> {
  return {
    what,
    operations: 4,
    effect: OP.COPY,
    file: to,
    encode(xdr) {
      putHandle(xdr, from.handle);
      xdr.u32(OP.SAVEFH);
      putHandle(xdr, to.handle);
      xdr.u32(OP.COPY);
      xdr.fixed(from.stateid);
      xdr.fixed(to.stateid);
      xdr.u64(fromOffset);
      xdr.u64(toOffset);
      xdr.u64(length);
      // Consecutive, so that a short count means a prefix; synchronous; no other server.
      xdr.bool(true);
      xdr.bool(true);
      xdr.u32(0);
    },
    decode: (reader) => readCopied(reader.next(OP.PUTFH).next(OP.SAVEFH).next(OP.PUTFH).next(OP.COPY).xdr),
  };
}

/** write_response4 and copy_requirements4: RFC 7862 §15.2.2. */
function readCopied(xdr: XdrReader): Copied {
  const callbacks = xdr.u32();
  if (callbacks > 1) throw new XdrError(`${callbacks} callback ids`);
  const offload = callbacks === 1 ? readStateid(xdr) : null;
  const bytes = xdr.u64Number();
  const committed = xdr.u32();
  if (committed !== 0 && committed !== 1 && committed !== 2) throw new XdrError(`stable_how ${committed}`);
  const verifier = xdr.u64();
  const consecutive = xdr.bool();
  xdr.bool();
  if (!consecutive) throw new XdrError('a COPY that need not have gone from front to back');
  return { bytes, committed, verifier, offload };
}

/** `status` null: not done yet. */
function offloadStatus(
  file: OpenFile,
  copy: Stateid,
  what: string,
): Operation<{ bytes: number; status: number | null }> {
  return {
    what,
    operations: 2,
    encode(xdr) {
      putHandle(xdr, file.handle);
      xdr.u32(OP.OFFLOAD_STATUS);
      xdr.fixed(copy);
    },
    decode(reader) {
      const { xdr } = reader.next(OP.PUTFH).next(OP.OFFLOAD_STATUS);
      const bytes = xdr.u64Number();
      const complete = xdr.u32();
      if (complete > 1) throw new XdrError(`${complete} statuses of one copy`);
      return { bytes, status: complete === 1 ? xdr.u32() : null };
    },
  };
}
