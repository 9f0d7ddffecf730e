// An NFSv4.1 server without a network: clients, sessions, slots with kept answers, restarts, and faults as a test asks.
import { DioriteError } from '../../../src/base/errors.js';
import type { Rpc, RpcCall, RpcRequest } from '../../../src/targets/nfs/rpc/call.js';
import { nonsense, systemError } from '../../../src/targets/nfs/rpc/rejections.js';
import { OP, SEQ4_STATUS_RESTART_RECLAIM_NEEDED, STATUS } from '../../../src/targets/nfs/v4/constants.js';
import { XdrError, XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { FakeFiles } from './fake-files.js';
import { type FakeContext, type FakeOpen, type FakeOperation, hexOf, OPERATIONS } from './fake-operations.js';

interface Slot {
  sequence: number;
  kept: Buffer | null;
}

interface FakeSession {
  readonly clientId: bigint;
  readonly slots: Slot[];
}

interface FakeClient {
  readonly id: bigint;
  readonly verifier: string;
  confirmed: boolean;
  sequence: number;
  isComplete: boolean;
}

/**
 * What becomes of a compound. `lose`: it is carried out, and its answer is lost with the connection: the client's bytes
 * come a second time. `lose and restart`: and the server starts anew in between. `restart`: before it is carried out.
 * `hold`: it waits for `release`. `swallow`: it is carried out, and nothing is said. A number: SEQUENCE's status.
 */
export type Fault = 'lose' | 'lose and restart' | 'restart' | 'hold' | 'swallow' | number;

export interface Asked {
  /** Operations by number, SEQUENCE included. */
  readonly operations: readonly number[];
  readonly resent: boolean;
}

export class FakeServer implements Rpc {
  readonly name = 'fake:2049';
  readonly files: FakeFiles = new FakeFiles();
  readonly opens: Map<string, FakeOpen> = new Map();
  /** All compounds that were carried out, as their operations' numbers. */
  readonly log: number[][] = [];
  /** Asked of every compound with a session, before it is carried out. */
  fault: (asked: Asked) => Fault | undefined = () => undefined;
  /** Asked of every operation: a status other than OK answers it instead. */
  refuse: (operation: number) => number = () => STATUS.OK;
  /** What answers a compound that was carried out: `answer`, or something else. */
  alter: (asked: Asked, answer: Buffer) => Buffer = (_asked, answer) => answer;
  /** Operations beside those of OPERATIONS, or in their place. */
  extra: Readonly<Record<number, FakeOperation>> = {};
  minorVersions: readonly number[] = [1, 2];
  slots = 4;
  target = 3;
  flags = 0;
  epoch = 1;
  inGrace = false;
  /** Clients with files from before a restart may reclaim only in grace. */
  graceForReclaim = true;
  /** What is given up is carried out and answered all the same; else its connection ends. */
  answersAbandoned = false;
  responseBytesMax: number = 1 << 21;
  readonly #clients: Map<string, FakeClient> = new Map();
  readonly #sessions: Map<string, FakeSession> = new Map();
  readonly #held: Set<RpcCall> = new Set();
  readonly #swallowed: Set<RpcCall> = new Set();
  #numbers = 0;
  #closed = false;
  #stateids = 0;

  // ---- Rpc ----

  get isSilent(): boolean {
    return false;
  }

  get inFlight(): number {
    return this.#held.size + this.#swallowed.size;
  }

  call(call: RpcCall): void {
    queueMicrotask(() => this.#serve(call, false));
  }

  request<T>(request: RpcRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.call({
        program: request.program,
        version: request.version,
        procedure: request.procedure,
        sink: null,
        encode: (xdr) => request.encode(xdr),
        replied(xdr, resent) {
          try {
            resolve(request.decode(xdr, resent));
          } catch (error) {
            reject(error instanceof XdrError ? nonsense('fake', error) : error);
          }
        },
        failed: reject,
      });
    });
  }

  abandon(call: RpcCall, gone?: (answered: boolean) => void): boolean {
    const isHeld = this.#held.delete(call);
    if (!isHeld && !this.#swallowed.delete(call)) return false;
    const bytes = encoded(call);
    queueMicrotask(() => {
      call.failed(systemError('ECANCELED', 'given up'), false);
      if (isHeld && this.answersAbandoned) this.#compound(bytes);
      queueMicrotask(() => gone?.(this.answersAbandoned));
    });
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const call of [...this.#held, ...this.#swallowed])
      call.failed(new DioriteError('closed', { code: 'ERR_DIORITE_CLOSED' }), false);
    this.#held.clear();
  }

  // ---- what tests do to it ----

  /** All that is held in memory is gone; files stay. */
  restart(): void {
    this.epoch++;
    this.#clients.clear();
    this.#sessions.clear();
    this.opens.clear();
    this.inGrace = true;
  }

  /** Sessions survive it (persistent reply caches), what was open does not. */
  restartKeepingSessions(): void {
    this.epoch++;
    this.opens.clear();
    for (const client of this.#clients.values()) client.isComplete = false;
    this.inGrace = true;
    this.flags = SEQ4_STATUS_RESTART_RECLAIM_NEEDED;
  }

  /** The sessions are gone, the clients and what they have open stay. */
  dropSessions(): void {
    this.#sessions.clear();
  }

  /** The lease has ended: all of the client is gone, and there is no grace. */
  expire(): void {
    this.restart();
    this.inGrace = false;
    this.graceForReclaim = false;
  }

  /** Answers what was held. */
  release(): void {
    for (const call of [...this.#held]) {
      this.#held.delete(call);
      this.#serve(call, false, true);
    }
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get clients(): number {
    return this.#clients.size;
  }

  // ---- serving ----

  #serve(call: RpcCall, resent: boolean, released = false): void {
    if (this.#closed) {
      call.failed(new DioriteError('closed', { code: 'ERR_DIORITE_CLOSED' }), true);
      return;
    }
    const bytes = encoded(call);
    const operations = operationsOf(bytes);
    const isAsked = operations[0] === OP.SEQUENCE && !released;
    const fault = isAsked ? this.fault({ operations, resent }) : undefined;
    if (fault === 'hold') {
      this.#held.add(call);
      return;
    }
    if (fault === 'restart') this.restart();
    const isRefused = typeof fault === 'number';
    const answer = isRefused ? refusal(fault) : this.alter({ operations, resent }, this.#compound(bytes));
    if (fault === 'lose' || fault === 'lose and restart') {
      if (fault === 'lose and restart') this.restart();
      queueMicrotask(() => this.#serve(call, true));
      return;
    }
    if (fault === 'swallow') this.#swallowed.add(call);
    else deliver(call, answer, resent);
  }

  #compound(bytes: Buffer): Buffer {
    const args = new XdrReader(bytes);
    const results = new XdrWriter();
    args.string(16);
    const minor = args.u32();
    const count = args.u32();
    const statusAt = results.reserveU32();
    results.u32(0);
    const countAt = results.reserveU32();
    const finish = (status: number, answered: number): Buffer => {
      results.patchU32(statusAt, status);
      results.patchU32(countAt, answered);
      return flatten(results);
    };
    if (!this.minorVersions.includes(minor)) return finish(STATUS.MINOR_VERS_MISMATCH, 0);
    const first = args.u32();
    results.u32(first);
    if (first !== OP.SEQUENCE) {
      const at = results.reserveU32();
      const status = this.#outside(first, args, results);
      if (status !== STATUS.OK) results.truncate(at + 4);
      results.patchU32(at, status);
      return finish(status, 1);
    }
    const sequenced = this.#sequence(args, results);
    if (sequenced.kept !== null) return sequenced.kept;
    if (sequenced.status !== STATUS.OK || sequenced.session === null) {
      results.u32(sequenced.status);
      return finish(sequenced.status, 1);
    }
    this.#answerSequence(results, sequenced);
    const ended = this.#operations(sequenced.session.clientId, count - 1, args, results);
    const answer = finish(ended.status, ended.answered + 1);
    if (sequenced.slot !== null) sequenced.slot.kept = sequenced.keep ? answer : null;
    return answer;
  }

  #sequence(args: XdrReader, _results: XdrWriter): Sequenced {
    const id = hexOf(args.fixed(16));
    const [sequence, number] = [args.u32(), args.u32()];
    args.u32();
    const keep = args.bool();
    const session = this.#sessions.get(id) ?? null;
    const slot = session?.slots[number] ?? null;
    const base = { session, slot, id, sequence, number, keep, kept: null };
    if (session === null) return { ...base, status: STATUS.BADSESSION };
    if (slot === null) return { ...base, status: STATUS.BADSLOT };
    if (sequence === slot.sequence) {
      if (slot.kept !== null) return { ...base, kept: slot.kept, status: STATUS.OK };
      return { ...base, status: STATUS.RETRY_UNCACHED_REP };
    }
    if (sequence !== (slot.sequence + 1) >>> 0) return { ...base, status: STATUS.SEQ_MISORDERED };
    slot.sequence = sequence;
    slot.kept = null;
    return { ...base, status: STATUS.OK };
  }

  #answerSequence(results: XdrWriter, { id, sequence, number, session }: Sequenced): void {
    results.u32(STATUS.OK);
    results.fixed(Buffer.from(id, 'hex'));
    results.u32(sequence);
    results.u32(number);
    results.u32((session?.slots.length ?? 1) - 1);
    results.u32(this.target);
    results.u32(this.flags);
  }

  #operations(
    clientId: bigint,
    count: number,
    args: XdrReader,
    results: XdrWriter,
  ): { status: number; answered: number } {
    const context = this.#context(clientId);
    const numbers: number[] = [];
    for (let answered = 1; answered <= count; answered++) {
      const operation = args.u32();
      results.u32(operation);
      const at = results.reserveU32();
      const refused = this.refuse(operation);
      const carryOut = this.extra[operation] ?? OPERATIONS[operation];
      let status = refused;
      if (refused === STATUS.OK) {
        numbers.push(operation);
        status = carryOut === undefined ? STATUS.NOTSUPP : carryOut(context, args, results);
      }
      if (status !== STATUS.OK) results.truncate(at + 4);
      results.patchU32(at, status);
      if (status !== STATUS.OK || answered === count) {
        this.log.push(numbers);
        return { status, answered };
      }
    }
    this.log.push(numbers);
    return { status: STATUS.OK, answered: 0 };
  }

  #context(clientId: bigint): FakeContext {
    const client = [...this.#clients.values()].find(({ id }) => id === clientId);
    return {
      files: this.files,
      clientId,
      opens: this.opens,
      verifier: BigInt(this.epoch),
      inGrace: this.inGrace,
      mayReclaim: this.graceForReclaim && client?.isComplete === false,
      current: null,
      saved: null,
      newStateid: () => {
        const stateid = Buffer.alloc(16);
        stateid.writeUInt32BE(1, 0);
        stateid.writeUInt32BE(this.epoch, 4);
        stateid.writeUInt32BE(++this.#stateids, 8);
        return stateid;
      },
      reclaimed: () => {
        if (client === undefined) return STATUS.STALE_CLIENTID;
        if (client.isComplete) return STATUS.COMPLETE_ALREADY;
        client.isComplete = true;
        this.inGrace = false;
        this.flags = 0;
        return STATUS.OK;
      },
    };
  }

  // ---- outside sessions ----

  #outside(operation: number, args: XdrReader, results: XdrWriter): number {
    const refused = this.refuse(operation);
    if (refused !== STATUS.OK) return refused;
    this.log.push([operation]);
    if (operation === OP.EXCHANGE_ID) return this.#exchangeId(args, results);
    if (operation === OP.CREATE_SESSION) return this.#createSession(args, results);
    if (operation === OP.DESTROY_SESSION)
      return this.#sessions.delete(hexOf(args.fixed(16))) ? STATUS.OK : STATUS.BADSESSION;
    if (operation !== OP.DESTROY_CLIENTID) return STATUS.OP_ILLEGAL;
    const id = args.u64();
    for (const [owner, client] of this.#clients) if (client.id === id) this.#clients.delete(owner);
    return STATUS.OK;
  }

  #exchangeId(args: XdrReader, results: XdrWriter): number {
    const verifier = hexOf(args.fixed(8));
    const owner = hexOf(args.opaque(1024));
    let client = this.#clients.get(owner);
    if (client?.verifier !== verifier) {
      const id = BigInt(this.epoch) * 1000n + BigInt(++this.#numbers);
      client = { id, verifier, confirmed: false, sequence: 1, isComplete: false };
      this.#clients.set(owner, client);
    }
    results.u64(client.id);
    results.u32(client.sequence);
    results.u32(client.confirmed ? 0x80010000 : 0x00010000);
    results.u32(0);
    results.u64(1);
    results.string('server');
    results.string('scope');
    results.u32(0);
    return STATUS.OK;
  }

  #createSession(args: XdrReader, results: XdrWriter): number {
    const [id, sequence] = [args.u64(), args.u32()];
    const client = [...this.#clients.values()].find((each) => each.id === id);
    if (client === undefined) return STATUS.STALE_CLIENTID;
    if (sequence !== client.sequence) return STATUS.SEQ_MISORDERED;
    client.sequence++;
    client.confirmed = true;
    const sessionId = Buffer.alloc(16);
    sessionId.writeUInt32BE(++this.#numbers, 12);
    const slots = Array.from({ length: this.slots }, (): Slot => ({ sequence: 0, kept: null }));
    this.#sessions.set(hexOf(sessionId), { clientId: id, slots });
    results.fixed(sessionId);
    results.u32(sequence);
    results.u32(0);
    const channels = [
      [0, this.responseBytesMax, this.responseBytesMax, 4096, 16, this.slots, 0],
      [0, 4096, 4096, 0, 2, 1, 0],
    ];
    for (const word of channels.flat()) results.u32(word);
    return STATUS.OK;
  }
}

interface Sequenced {
  readonly session: FakeSession | null;
  readonly slot: Slot | null;
  readonly id: string;
  readonly sequence: number;
  readonly number: number;
  readonly keep: boolean;
  readonly kept: Buffer | null;
  readonly status: number;
}

function encoded(call: RpcCall): Buffer {
  const xdr = new XdrWriter();
  call.encode(xdr);
  return flatten(xdr);
}

function flatten(xdr: XdrWriter): Buffer {
  const bytes = Buffer.alloc(xdr.length);
  bytes.set(xdr.bytes);
  let at = xdr.headBytes;
  const { payloadSegments: segments } = xdr;
  for (let i = 0, left = xdr.payloadBytes; segments !== null && left > 0; i++) {
    const length = Math.min(left, segments.length[i] ?? 0);
    bytes.set(new Uint8Array(segments.buffer[i] ?? new ArrayBuffer(0), segments.byteOffset[i], length), at);
    at += length;
    left -= length;
  }
  return bytes;
}

/** The first operation by its word; the others are known once they are carried out: enough to tell calls apart. */
export function operationsOf(bytes: Buffer): number[] {
  const xdr = new XdrReader(bytes);
  xdr.skip(8);
  const count = xdr.u32();
  const first = xdr.u32();
  if (first !== OP.SEQUENCE) return [first];
  xdr.skip(16 + 16);
  const rest: number[] = [];
  // What every compound of this client begins with has a known length; the operation behind it is what it is about.
  for (let i = 1; i < count; i++) {
    const operation = xdr.u32();
    rest.push(operation);
    if (operation === OP.PUTFH) xdr.opaque(128);
    else if (operation === OP.LOOKUP) xdr.string(255);
    else if (operation === OP.VERIFY || operation === OP.NVERIFY) xdr.skip(4 + 4 + 4 + 4);
    else if (operation !== OP.SAVEFH && operation !== OP.PUTROOTFH) break;
  }
  return [first, ...rest];
}

function refusal(status: number): Buffer {
  const xdr = new XdrWriter();
  xdr.u32(status);
  xdr.u32(0);
  xdr.u32(1);
  xdr.u32(OP.SEQUENCE);
  xdr.u32(status);
  return flatten(xdr);
}

/** As a connection does: a READ's payload goes to its memory, and the reader holds the rest. */
export function deliver(call: RpcCall, answer: Uint8Array, resent: boolean): void {
  try {
    const { sink } = call;
    const place = sink?.locate(new XdrReader(answer)) ?? null;
    if (sink === null || place === null) {
      call.replied(new XdrReader(answer), resent, 0);
      return;
    }
    const { start, length } = place;
    if (length > sink.bytes) throw new XdrError(`${length} bytes where ${sink.bytes} are the most`);
    if (start + length > answer.length) throw new XdrError('it ends before its payload does');
    for (let i = 0, at = start, left = length; left > 0; i++) {
      const count = Math.min(left, sink.segments.length[i] ?? 0);
      const memory = sink.segments.buffer[i] ?? new ArrayBuffer(0);
      new Uint8Array(memory, sink.segments.byteOffset[i], count).set(answer.subarray(at, at + count));
      at += count;
      left -= count;
    }
    const padded = start + length + ((4 - (length % 4)) % 4);
    const rest = Buffer.concat([answer.subarray(0, start), answer.subarray(padded)]);
    call.replied(new XdrReader(rest), resent, length);
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    call.failed(nonsense('fake', error), false);
  }
}

/** The fault for the first compound that holds the operation, once. */
export function once(operation: number, fault: Fault): (asked: Asked) => Fault | undefined {
  let isDone = false;
  return ({ operations }) => {
    if (isDone || !operations.includes(operation)) return undefined;
    isDone = true;
    return fault;
  };
}

/** How many compounds with that operation were carried out. */
export function countOf(server: FakeServer, operation: number): number {
  return server.log.filter((operations) => operations.includes(operation)).length;
}
