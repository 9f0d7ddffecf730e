// One request to the OSD of one object: what it sends, where what comes back goes, and how it ended.
import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import { SegmentList } from '../../../plan/request.js';
import type { Sink } from '../../net/sink-cursor.js';
import { copyInto } from '../../net/views.js';
import { DencError } from '../denc/error.js';
import { DencReader } from '../denc/reader.js';
import type { DencWriter } from '../denc/writer.js';
import type { Call } from '../msgr/connection.js';
import { type MessageHeader, MSG_OSD_OP } from '../msgr/message.js';
import type { DataPlace } from '../msgr/receiver.js';
import type { Location } from '../osdmap/osd-map.js';
import type { Pool } from '../osdmap/pool.js';
import { FLAG_FULL_TRY, FLAG_ON_DISK, FLAG_PG_OP, FLAG_READ, FLAG_RETRY, FLAG_WRITE } from './codes.js';
import { OSD_OP_COMPAT, OSD_OP_VERSION, OsdReply, writeOsdOp } from './messages.js';
import type { Step } from './step.js';

const NOTHING: Uint8Array = new Uint8Array(0);

export interface ObjectName {
  readonly pool: number;
  /** '': the default one. */
  readonly namespace: string;
  readonly name: string;
  /** It is for the placement group that names of this hash fall into, and for no object. */
  readonly hash?: number | undefined;
}

/** What became of one step. */
export interface StepResult {
  /** 0 or more, or an error number below 0. */
  readonly result: number;
  /** How much came back, wherever it lies. */
  readonly bytes: number;
  /** What came back, where the step named no memory. */
  readonly data: Uint8Array;
}

export interface RequestResult {
  /** 0 or more, or the error number below 0 that ended the request. */
  readonly result: number;
  /** Of the object. */
  readonly version: bigint;
  readonly steps: readonly StepResult[];
}

/** Told once. */
export interface RequestUser {
  /** The OSD carried it out, or refused: `result` says which. */
  answered(result: RequestResult): void;
  /** `unsent`: certainly not a byte of it reached an OSD. Else it may have been carried out, or be yet. */
  failed(error: DioriteError, unsent: boolean): void;
}

/** Its owner's place in the objecter. */
export interface Sending {
  readonly globalId: bigint;
  readonly epoch: number;
  readonly pool: Pool;
  readonly location: Location;
}

export class OsdRequest implements Call {
  readonly object: ObjectName;
  readonly steps: readonly Step[];
  readonly user: RequestUser;
  readonly payload: SegmentList | null;
  readonly payloadBytes: number;
  readonly sink: Sink | null;
  readonly type: number = MSG_OSD_OP;
  readonly version: number = OSD_OP_VERSION;
  readonly compatVersion: number = OSD_OP_COMPAT;
  readonly isWriting: boolean;
  /** Given by the objecter, once: an OSD that gets it again knows it by it. */
  tid = 0;
  /** How often it was given to a connection. */
  attempts = 0;
  deadlineMs = 0;
  sending: Sending | null = null;
  /** Told by its connection; set by the objecter. */
  onReply: ((request: OsdRequest, result: RequestResult, reply: OsdReply) => void) | null = null;
  onUnsendable: ((request: OsdRequest, error: DioriteError) => void) | null = null;
  readonly #mtimeMs: number = Date.now();
  readonly #reply: OsdReply = new OsdReply();
  /** Buffers of steps that name no memory, by step, where the data was placed. */
  #own: (Uint8Array | undefined)[] = [];
  #isPlaced = false;
  readonly #flags: number;

  /** `flags`: FLAG_…, beside those that steps ask for. */
  constructor(object: ObjectName, steps: readonly Step[], user: RequestUser, flags = 0) {
    assert(steps.length > 0, 'a request does something');
    this.object = object;
    this.steps = steps;
    this.user = user;
    this.#flags = flags;
    this.isWriting = steps.some((step) => step.changes);
    this.payloadBytes = steps.reduce((sum, { head, payloadBytes }) => sum + head.length + payloadBytes, 0);
    this.payload = payloadOf(steps);
    const memoryBytes = steps.reduce((sum, step) => sum + step.memoryBytes, 0);
    this.sink = memoryBytes === 0 ? null : { segments: new SegmentList(), bytes: memoryBytes };
  }

  get isReading(): boolean {
    return this.steps.some((step) => !step.changes);
  }

  get flags(): number {
    const reads = this.isReading ? FLAG_READ : 0;
    const writes = this.isWriting ? FLAG_WRITE | FLAG_FULL_TRY : 0;
    const group = this.object.hash === undefined ? 0 : FLAG_PG_OP;
    return this.#flags | FLAG_ON_DISK | reads | writes | group | (this.attempts > 1 ? FLAG_RETRY : 0);
  }

  encode(writer: DencWriter): void {
    assert(this.sending !== null, 'what is sent has somewhere to go');
    const { globalId, epoch, location } = this.sending;
    const { pg, hash, shard } = location;
    writeOsdOp(writer, {
      group: { pool: pg.pool, seed: pg.seed, shard },
      hash,
      epoch,
      flags: this.flags,
      globalId,
      tid: this.tid,
      mtimeMs: this.#mtimeMs,
      namespace: this.object.namespace,
      name: this.object.name,
      key: '',
      steps: this.steps,
      attempt: this.attempts - 1,
    });
  }

  /** The data is what came back of each step, one after the other. */
  place(front: Uint8Array, dataBytes: number): DataPlace {
    const reply = this.#reply;
    reply.readLengths(new DencReader(front, 'MOSDOpReply'));
    this.#checkLengths(dataBytes);
    this.#isPlaced = true;
    this.#own = [];
    const [first] = this.steps;
    if (this.steps.length === 1 && first?.memory != null) return { segments: first.memory, bytes: first.memoryBytes };
    const segments = new SegmentList();
    for (const [i, step] of this.steps.entries()) {
      const bytes = reply.bytes[i] ?? 0;
      if (bytes === 0) continue;
      if (step.memory !== null) appendSegments(segments, step.memory, bytes);
      else {
        const own = new Uint8Array(bytes);
        this.#own[i] = own;
        segments.push(own.buffer, 0, bytes, false);
      }
    }
    return { segments, bytes: dataBytes };
  }

  /** Throws DencError: the lengths are of other steps than were asked for. */
  #checkLengths(dataBytes: number): void {
    const { count, bytes } = this.#reply;
    if (count > this.steps.length) throw new DencError('MOSDOpReply', `it has ${count} steps of ${this.steps.length}`);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const { memory, memoryBytes } = this.steps[i] ?? { memory: null, memoryBytes: 0 };
      const stepBytes = bytes[i] ?? 0;
      if (memory !== null && stepBytes > memoryBytes)
        throw new DencError('MOSDOpReply', `${stepBytes} bytes come where ${memoryBytes} were asked for`);
      sum += stepBytes;
    }
    if (sum !== dataBytes) throw new DencError('MOSDOpReply', `its steps have ${sum} bytes and it has ${dataBytes}`);
  }

  replied(_: MessageHeader, front: DencReader, data: Uint8Array): void {
    const reply = this.#reply;
    reply.read(front);
    if (!this.#isPlaced) this.#checkLengths(data.length);
    const steps: StepResult[] = [];
    for (let i = 0, at = 0; i < reply.count; i++) {
      const bytes = reply.bytes[i] ?? 0;
      const result = reply.results[i] ?? 0;
      steps.push({ result, bytes, data: this.#dataOf(i, data.subarray(at, at + (this.#isPlaced ? 0 : bytes))) });
      at += bytes;
    }
    this.#isPlaced = false;
    this.onReply?.(this, { result: reply.result, version: reply.version, steps }, reply);
  }

  /** `kept`: where the data came in a buffer of its own. */
  #dataOf(index: number, kept: Uint8Array): Uint8Array {
    const memory = this.steps[index]?.memory ?? null;
    if (memory !== null && kept.length > 0) copyInto(memory, kept);
    return memory !== null ? NOTHING : kept.length > 0 ? kept : (this.#own[index] ?? NOTHING);
  }

  /** It goes to a connection, perhaps another than before. */
  begin(sending: Sending): void {
    this.sending = sending;
    this.attempts++;
    this.#isPlaced = false;
  }

  unsendable(error: DioriteError): void {
    this.onUnsendable?.(this, error);
  }
}

/** The memory of the only step that has any, or all heads and memory one after the other. */
function payloadOf(steps: readonly Step[]): SegmentList | null {
  const sending = steps.filter(({ head, payloadBytes }) => head.length + payloadBytes > 0);
  const [first] = sending;
  if (first === undefined) return null;
  if (sending.length === 1 && first.head.length === 0) return first.payload;
  const all = new SegmentList();
  for (const { head, payload, payloadBytes } of sending) {
    if (head.length > 0) all.push(head.buffer, head.byteOffset, head.length, false);
    if (payload !== null) appendSegments(all, payload, payloadBytes);
  }
  return all;
}

function appendSegments(to: SegmentList, from: SegmentList, bytes: number): void {
  for (let i = 0, rest = bytes; rest > 0; i++) {
    const length = Math.min(rest, from.length[i] ?? 0);
    assert(i < from.count, 'memory holds its bytes');
    to.push(from.buffer[i] ?? null, from.byteOffset[i] ?? 0, length, false);
    rest -= length;
  }
}
