// An RPC client that keeps the results of every call, and one that answers with what was kept, mangled: no server is needed then.
import assert from 'node:assert/strict';
import type { Rpc, RpcCall, RpcRequest } from '../../../src/targets/nfs/rpc/call.js';
import { nonsense, systemError } from '../../../src/targets/nfs/rpc/rejections.js';
import { XdrError, XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { paddingOf } from '../../../src/targets/nfs/xdr/writer.js';
import type { Random } from '../../support/random.js';

interface Called {
  readonly program: number;
  readonly procedure: number;
}

/** Results of calls, as they came, by program and procedure. */
export class Frames {
  readonly #frames = new Map<string, Buffer[]>();

  static #key({ program, procedure }: Called): string {
    return `${program}.${procedure}`;
  }

  keep(called: Called, results: Buffer): void {
    const key = Frames.#key(called);
    this.#frames.set(key, [...(this.#frames.get(key) ?? []), results]);
  }

  of(called: Called): readonly Buffer[] {
    return this.#frames.get(Frames.#key(called)) ?? [];
  }

  get kinds(): number {
    return this.#frames.size;
  }
}

/** The bytes that a reader stands at, which it still has afterwards. */
function taken(xdr: XdrReader): Buffer {
  return Buffer.from(xdr.fixed(xdr.remaining));
}

export class RecordingRpc implements Rpc {
  readonly #inner: Rpc;
  readonly #frames: Frames;

  constructor(inner: Rpc, frames: Frames) {
    this.#inner = inner;
    this.#frames = frames;
  }

  get name(): string {
    return this.#inner.name;
  }

  get isSilent(): boolean {
    return this.#inner.isSilent;
  }

  get inFlight(): number {
    return this.#inner.inFlight;
  }

  /** Of those with a sink nothing is kept: their results never are in one piece. */
  call(call: RpcCall): void {
    const frames = this.#frames;
    const { program, version, procedure, sink } = call;
    if (sink !== null) return this.#inner.call(call);
    this.#inner.call({
      program,
      version,
      procedure,
      sink,
      encode: (xdr) => call.encode(xdr),
      failed: (error, unsent) => call.failed(error, unsent),
      replied(xdr, resent, payloadBytes) {
        const results = taken(xdr);
        frames.keep(call, results);
        call.replied(new XdrReader(results), resent, payloadBytes);
      },
    });
  }

  request<T>(request: RpcRequest<T>): Promise<T> {
    const frames = this.#frames;
    const { program, version, procedure } = request;
    return this.#inner.request({
      program,
      version,
      procedure,
      encode: (xdr) => request.encode(xdr),
      decode(xdr, resent) {
        const results = taken(xdr);
        frames.keep(request, results);
        return request.decode(new XdrReader(results), resent);
      },
    });
  }

  abandon(call: RpcCall, gone?: (answered: boolean) => void): boolean {
    return this.#inner.abandon(call, gone);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Statuses, counts and lengths that matter somewhere. */
const WORDS = [0, 1, 2, 3, 7, 64, 65, 255, 10004, 10005, 10008, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1] as const;

/** Cut short, lengthened, with words or bits changed: one to three times. */
export function mangled(frame: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(frame);
  for (let times = random.between(1, 3); times > 0; times--) bytes = mangledOnce(bytes, random);
  return bytes;
}

function mangledOnce(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 4) return Buffer.concat([bytes, Buffer.alloc(4 * random.between(1, 8))]);
  const wordAt = 4 * random.below(Math.floor(bytes.length / 4));
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length));
    case 1:
      return Buffer.concat([bytes.subarray(0, wordAt), bytes.subarray(random.below(bytes.length))]);
    case 2:
      return Buffer.concat([bytes, bytes.subarray(wordAt)]);
    case 3:
      bytes.writeUInt32BE(random.pick(WORDS), wordAt);
      return bytes;
    case 4:
      bytes.writeUInt32BE(random.next(), wordAt);
      return bytes;
    default:
      bytes[random.below(bytes.length)] = random.next();
      return bytes;
  }
}

/** Answers from frames; `random` null: as they are. */
export class ReplayingRpc implements Rpc {
  readonly name = 'replayed:0';
  readonly inFlight = 0;
  readonly isSilent = false;
  random: Random | null = null;
  /** How many answers were mangled. */
  cases = 0;
  /** The last answer that was given. */
  last: Buffer = Buffer.alloc(0);
  readonly #frames: Frames;

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  #next(called: Called): Buffer {
    const kept = this.#frames.of(called);
    const frame = kept[this.random?.below(kept.length) ?? 0];
    assert.ok(frame !== undefined, `an answer to procedure ${called.procedure} of ${called.program} was recorded`);
    const { random } = this;
    if (random === null) return frame;
    this.cases++;
    this.last = mangled(frame, random);
    return this.last;
  }

  call(call: RpcCall): void {
    const results = this.#next(call);
    queueMicrotask(() => {
      try {
        this.#deliver(call, results);
      } catch (error) {
        if (!(error instanceof XdrError)) throw error;
        call.failed(nonsense(this.name, error), false);
      }
    });
  }

  /** As a connection does it: what belongs into the sink is taken out first. */
  #deliver(call: RpcCall, results: Buffer): void {
    const { sink } = call;
    const place = sink?.locate(new XdrReader(results.subarray(0, sink.headerBytes))) ?? null;
    if (sink === null || place === null) return call.replied(new XdrReader(results), false, 0);
    const { start, length } = place;
    assert.ok(length > 0 && length <= sink.bytes && start <= sink.headerBytes, 'a payload is where it can be');
    if (start + length > results.length) throw new XdrError('it ends before its payload');
    const rest = results.subarray(start + length + paddingOf(length));
    call.replied(new XdrReader(Buffer.concat([results.subarray(0, start), rest])), false, length);
  }

  async request<T>(request: RpcRequest<T>): Promise<T> {
    try {
      return request.decode(new XdrReader(this.#next(request)), false);
    } catch (error) {
      throw error instanceof XdrError ? nonsense(this.name, error) : error;
    }
  }

  abandon(call: RpcCall): boolean {
    call.failed(systemError('ECANCELED', 'given up'), true);
    return true;
  }

  async close(): Promise<void> {}
}
