// The RADOS target: reads and writes of objects behind the Target interface, of one object or of a file striped over many.
import type { BigIntStats, StatOptions, Stats } from 'node:fs';
import { constants } from 'node:os';
import { assert } from '../../base/assert.js';
import { DioriteError, errors } from '../../base/errors.js';
import type { Layout } from '../../plan/layout.js';
import type { Limits } from '../../plan/limits.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { FileLike, FileSpace } from '../../transfer/file-like.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, IoMode } from '../../transfer/target.js';
import { named, namedError } from '../net/named.js';
import { toBigIntStats, toStats } from '../net/remote-stats.js';
import { systemError } from '../net/system-error.js';
import { COURTESY_MS } from '../net/within.js';
import type { Looked, RadosBody } from './body.js';
import { Effects } from './effects.js';
import { attributesOf, factsOf, limitsOf, RADOS_BEST_DEPTH } from './facts.js';
import { Growth } from './growth.js';
import { objectIn } from './osd/pool-ref.js';
import type { RequestResult } from './osd/request.js';
import { type IoHost, RadosIo } from './rados-io.js';
import { bytesBefore, endOf } from './reach.js';

export interface RadosTargetInput {
  /** The URL, for messages. */
  readonly name: string;
  readonly body: RadosBody;
  /** As of the opening. */
  readonly looked: Looked;
  /** How large a request is made; default: what the body likes best. */
  readonly requestBytes?: number | undefined;
  /** Called once, when the file is closed: the connection may be let go. */
  readonly release: () => Promise<void>;
}

const { ENOENT } = constants.errno;
/** What is not answered, of one file: more waits outside. The objecter has a throttle of its own, for all files. */
const REQUESTS_MAX = 256;
/** Of a transfer: what sixteen objects of the default size hold. */
const BYTES_IN_FLIGHT_BEST: number = RADOS_BEST_DEPTH * 4 * 2 ** 20;

export class RadosTarget implements FileLike, IoHost {
  readonly name: string;
  readonly facts: FileFacts;
  readonly engineName = 'rados';
  readonly fd = -1;
  readonly seekable = true;
  /** An OSD answers when every copy has it. */
  readonly durable = 'answer';
  readonly bestDepth: number = RADOS_BEST_DEPTH;
  readonly bestBytesInFlight: number = BYTES_IN_FLIGHT_BEST;
  readonly layout?: Layout;
  readonly holes?: FileSpace;
  readonly #body: RadosBody;
  readonly #input: RadosTargetInput;
  readonly #limits: Limits;
  readonly #idle: RadosIo[] = [];
  readonly #effects: Effects = new Effects();
  readonly #growth: Growth | null;
  #size: number;
  #looking: Promise<Looked> | null = null;
  #inFlight = 0;
  #waiting: (() => void)[] = [];
  #closed: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;
  /** When something was heard of it last, or nothing was asked; and whether it has been silent since for too long. */
  #heardMs: number = performance.now();
  #isSilent = false;

  constructor(input: RadosTargetInput) {
    const { name, body, looked } = input;
    this.name = name;
    this.#input = input;
    this.#body = body;
    this.facts = factsOf(body);
    this.#limits = limitsOf(input.requestBytes ?? body.requestBytesBest);
    this.#size = looked.sizeBytes;
    this.#growth = body.grow === null ? null : this.#makeGrowth(body.grow);
    if (body.layout !== undefined) this.layout = body.layout;
    if (body.holes !== undefined) this.holes = body.holes(() => this.check());
  }

  /** As of the last look: another client may have changed it since. */
  get size(): number {
    return this.#size;
  }

  /** Requests were not answered in time, or were given up when nothing had been heard for long: nobody waits for it again. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  limitsAt(): Limits {
    return this.#limits;
  }

  notDirect(): null {
    return null;
  }

  ioMode(): IoMode {
    return 'direct';
  }

  effectOf(error: DioriteError): Effect {
    return this.#effects.of(error);
  }

  check(): void {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.name}: the file is closed`, { path: this.name });
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  submit(request: Request): boolean {
    assert(this.#closed === null || this.#inFlight > 0, 'nothing is submitted to a closed file');
    if (this.#inFlight >= REQUESTS_MAX) return false;
    const io = this.#idle.pop() ?? new RadosIo(this);
    io.begin(request);
    request.tag = io;
    if (this.#inFlight === 0) this.#heardMs = performance.now();
    this.#inFlight++;
    const refusal = request.direction === 'write' ? this.#body.refusal(request) : null;
    if (refusal === null) this.#send(io);
    else queueMicrotask(() => this.failed(io, refusal, true));
    return true;
  }

  #send(io: RadosIo): void {
    const { pool } = this.#body;
    pool.objecter.submit(io.make(objectIn(pool, this.#body.objectName(io.request.unit))));
  }

  onceDrained(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#inFlight < REQUESTS_MAX) queueMicrotask(() => this.#drained());
  }

  cancel(request: Request): void {
    const io = request.tag;
    if (io instanceof RadosIo && io.sent !== null) this.#body.pool.objecter.cancel(io.sent);
  }

  answered(io: RadosIo, result: RequestResult): void {
    const { request, sent } = io;
    assert(sent !== null, 'what is answered was sent');
    io.sent = null;
    this.#isSilent = false;
    this.#heardMs = performance.now();
    const isMissing = result.result < 0 && this.#isHole(request, result);
    if (result.result < 0 && !isMissing) {
      const error = this.#named(request, this.#body.pool.objecter.errorOf(sent, result));
      this.#effects.noteAnswer(error, sent.attempts > 1);
      request.fail(error);
      this.#release(io);
    } else if (request.direction === 'write') this.#wrote(io);
    else this.#read(io, isMissing ? 0 : (result.steps[0]?.bytes ?? 0));
  }

  /** An object that is not there, of a file that is. */
  #isHole({ direction }: Request, { result }: RequestResult): boolean {
    return direction === 'read' && this.#body.hasHoles && result === -ENOENT;
  }

  #read(io: RadosIo, bytes: number): void {
    const { request } = io;
    const end = endOf(request);
    if (!this.#body.hasHoles) {
      const isPast = bytes === 0 && request.offset > 0;
      const known = request.offset + bytes;
      if (bytes === request.bytes) this.#size = Math.max(this.#size, known);
      else this.#size = isPast ? Math.min(this.#size, known) : known;
      this.#answer(io, bytes, 'end');
    } else if (bytes === request.bytes && end <= this.#size) this.#answer(io, bytes, 'end');
    else if (this.#body.isDraft) this.#answerWithin(io, bytes);
    else void this.#lookAndAnswer(io, bytes);
  }

  /**
   * A hole, or the end: that is for the stored size to say, which may have changed since we looked. What lies in an object
   * beyond it is none of the file's.
   */
  async #lookAndAnswer(io: RadosIo, bytes: number): Promise<void> {
    const before = this.#size;
    try {
      await this.#look();
    } catch (error) {
      io.request.fail(this.#named(io.request, asDiorite(error)));
      this.#release(io);
      return;
    }
    // It grew meanwhile: what was missing may have been written.
    if (this.#size > before && bytes < io.request.bytes) this.#send(io);
    else this.#answerWithin(io, bytes);
  }

  #answerWithin(io: RadosIo, bytes: number): void {
    const within = bytesBefore(io.request, this.#size);
    this.#answer(io, Math.min(bytes, within), bytes < within ? 'hole' : 'end');
  }

  #wrote(io: RadosIo): void {
    const end = endOf(io.request);
    if (this.#growth !== null && end > this.#size) this.#growth.wait(io, end);
    else {
      this.#size = Math.max(this.#size, end);
      this.#answer(io, io.request.bytes, 'continue');
    }
  }

  #makeGrowth(grow: (sizeBytes: number) => Promise<void>): Growth {
    return new Growth({
      grow,
      grown: (io, sizeBytes) => {
        this.#size = Math.max(this.#size, sizeBytes);
        this.#answer(io, io.request.bytes, 'continue');
      },
      notGrown: (io, error) => {
        io.request.fail(this.#named(io.request, error));
        this.#release(io);
      },
    });
  }

  failed(io: RadosIo, error: DioriteError, unsent: boolean): void {
    io.sent = null;
    const told = this.#named(io.request, error);
    if (unsent) this.#effects.noteUnsent(told);
    const isLong = performance.now() - this.#heardMs > COURTESY_MS;
    if (error.code === 'ETIMEDOUT' || (error.code === 'ECANCELED' && isLong)) this.#isSilent = true;
    io.request.fail(told);
    this.#release(io);
  }

  #named({ direction }: Request, error: DioriteError): DioriteError {
    return namedError(error, { syscall: direction, path: this.name });
  }

  #answer(io: RadosIo, bytes: number, short: 'end' | 'hole' | 'continue'): void {
    io.request.answer(bytes, short);
    this.#release(io);
  }

  #release(io: RadosIo): void {
    const { request } = io;
    io.end();
    this.#idle.push(io);
    this.#inFlight--;
    request.release();
    this.#drained();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #drained(): void {
    if (this.#waiting.length === 0 || this.#inFlight >= REQUESTS_MAX) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  // ---- the file --------------------------------------------------------------------------------------------------

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  async stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    const looked = await named({ syscall: 'fstat', path: this.name }, () => this.#look());
    const attributes = attributesOf(this.facts.inodeKey, looked, this.#limits.bestBytes);
    return options?.bigint === true ? toBigIntStats(attributes) : toStats(attributes);
  }

  async askBytes(): Promise<number> {
    return (await named({ syscall: 'fstat', path: this.name }, () => this.#look())).sizeBytes;
  }

  /** Those who want it at the same time share the question. */
  async #look(): Promise<Looked> {
    if (this.#body.isDraft) return { sizeBytes: this.#size, mtimeMs: Date.now() };
    this.#looking ??= this.#body.look().finally(() => {
      this.#looking = null;
    });
    const looked = await this.#looking;
    this.#size = looked.sizeBytes;
    return looked;
  }

  async truncate(bytes: number): Promise<void> {
    this.check();
    await named({ syscall: 'ftruncate', path: this.name }, () => this.#body.truncate(bytes, this.#size));
    this.#size = bytes;
  }

  /** Nothing is left to do: what was answered is durable. */
  async sync(): Promise<void> {
    this.check();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    try {
      await named({ syscall: 'close', path: this.name }, () => this.#body.close());
    } finally {
      await this.#input.release();
    }
  }
}

function asDiorite(error: unknown): DioriteError {
  return error instanceof DioriteError ? error : systemError('EIO', 'the file could not be looked at', error);
}
