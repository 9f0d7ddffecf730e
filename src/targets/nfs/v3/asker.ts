// One question, one awaited answer: every call but READ and WRITE. Waits out JUKEBOX; keeps the statuses for who asks.
import { setTimeout as pause } from 'node:timers/promises';
import type { DioriteError } from '../../../base/errors.js';
import type { Rpc } from '../rpc/call.js';
import { systemError } from '../rpc/rejections.js';
import { nfsError, STATUS, statusName } from '../status.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { NFS_PROGRAM, NFS_VERSION } from './constants.js';
import { pauseMs } from './patience.js';

export interface Question<T> {
  readonly procedure: number;
  /** For messages: `LOOKUP "x"`. */
  readonly what: string;
  /** Gives the same bytes each time. */
  encode(xdr: XdrWriter): void;
  /** The results of a call that succeeded, behind the status. What is kept is copied. */
  decode(xdr: XdrReader): T;
  /** Where the answer is lost with the connection, it is not sent again: ECONNRESET. See careful.ts. */
  readonly once?: boolean;
}

export type Answer<T> = { readonly ok: true; readonly results: T } | { readonly ok: false; readonly status: number };

export interface AskerOptions {
  readonly rpc: Rpc;
  readonly timeoutMs: number;
  readonly hard: boolean;
}

export class Asker {
  readonly server: string;
  /** Infinity: calls are retried for ever. */
  readonly timeoutMs: number;
  readonly #rpc: Rpc;

  constructor({ rpc, timeoutMs, hard }: AskerOptions) {
    this.server = rpc.name;
    this.timeoutMs = hard ? Number.POSITIVE_INFINITY : timeoutMs;
    this.#rpc = rpc;
  }

  /** The results, or the status as an error. */
  async ask<T>(question: Question<T>): Promise<T> {
    const answer = await this.put(question);
    if (!answer.ok) throw this.error(answer.status, question.what);
    return answer.results;
  }

  /** The answer, whatever its status. */
  async put<T>(question: Question<T>): Promise<Answer<T>> {
    const startedMs = performance.now();
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#send(question);
      if (answer.ok || answer.status !== STATUS.JUKEBOX) return answer;
      const waitMs = pauseMs(attempt, startedMs, performance.now(), this.timeoutMs);
      if (waitMs === null) throw this.timeout(question.what, statusName(STATUS.JUKEBOX, 'NFS3ERR'));
      await pause(waitMs);
    }
  }

  #send<T>(question: Question<T>): Promise<Answer<T>> {
    return this.#rpc.request({
      program: NFS_PROGRAM,
      version: NFS_VERSION,
      procedure: question.procedure,
      once: question.once === true,
      encode: (xdr) => question.encode(xdr),
      decode(xdr): Answer<T> {
        const status = xdr.u32();
        return status === STATUS.OK ? { ok: true, results: question.decode(xdr) } : { ok: false, status };
      },
    });
  }

  error(status: number, what: string): DioriteError {
    return nfsError(status, what, this.server, undefined, 'NFS3ERR');
  }

  /** `why` it went on for all the time that there was. */
  timeout(what: string, why: string): DioriteError {
    return timeoutError(this.server, what, why, this.timeoutMs);
  }
}

export function timeoutError(server: string, what: string, why: string, timeoutMs: number): DioriteError {
  return systemError('ETIMEDOUT', `${server}: ${what}: ${why} for ${timeoutMs / 1000} s`);
}
