// Between connections and programs: decodes calls, lets faults strike, carries out, answers, and watches the client.
import { XdrError, XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { CallLog, Counts } from './calls.js';
import type { Connection, ConnectionHost } from './connection.js';
import type { Faults, Grace, Struck } from './faults.js';
import type { Call, Program, Work } from './program.js';
import { acceptedReply, type CallHead, callbackCall, readCallHead, refusal } from './rpc.js';
import type { World } from './world.js';

/** What the dispatcher needs of the whole server. */
export interface DispatcherHost {
  readonly world: World;
  readonly faults: Faults;
  readonly counts: Counts;
  readonly log: CallLog;
  restart(grace: Grace): void;
  connectionClosed(connection: Connection): void;
  /** Which program number the client's callbacks have, by connection; 0: it offers none. */
  callbackProgram(connection: number): number;
}

interface Task {
  readonly connection: Connection;
  readonly call: Call;
  readonly work: Work;
  readonly struck: Struck;
}

export class Dispatcher implements ConnectionHost {
  readonly #host: DispatcherHost;
  readonly #programs: readonly Program[];
  #callbackXids = 0xcb000000;

  constructor(host: DispatcherHost, programs: readonly Program[]) {
    this.#host = host;
    this.#programs = programs;
  }

  violation(text: string): void {
    this.#host.world.violation(text);
  }

  closed(connection: Connection): void {
    this.#host.connectionClosed(connection);
  }

  received(connection: Connection, message: Buffer): void {
    const xdr = new XdrReader(message);
    let head: CallHead | null;
    try {
      head = readCallHead(xdr);
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      this.violation(`connection ${connection.number}: ${error.message}`);
      connection.destroy();
      return;
    }
    // The client answered a call of ours.
    if (head === null) return;
    const call: Call = { ...head, connection: connection.number, message };
    const work = this.#decode(connection, head, call, xdr);
    if (work !== null) this.#take(connection, call, work);
  }

  /** Null: it was refused. */
  #decode(connection: Connection, head: CallHead, call: Call, xdr: XdrReader): Work | null {
    const refuse = (how: Parameters<typeof refusal>[1], versions: readonly [number, number] = [0, 0]): null => {
      connection.reply(refusal(head.xid, how, versions), null, () => undefined);
      return null;
    };
    const program = this.#programs.find(({ number }) => number === head.program);
    if (program === undefined) return refuse('prog unavail');
    if (!program.hasVersion(head.version)) return refuse('prog mismatch', program.versions);
    try {
      const work = program.decode(call, xdr);
      if (work === null) return refuse('proc unavail');
      xdr.end();
      return work;
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      this.violation(`${program.name} procedure ${head.procedure}: ${error.message}`);
      return refuse('garbage args');
    }
  }

  #take(connection: Connection, call: Call, work: Work): void {
    const { counts, faults, log } = this.#host;
    counts.came(work.names);
    const duplicate = log.came(call, work);
    const struck = faults.strike({ names: work.names, xid: call.xid, connection: connection.number });
    const task: Task = { connection, call, work, struck };
    const hold = struck.message('hold');
    if (duplicate !== null) this.#answer(task, duplicate.reply);
    else if (hold?.carriedOut === false) struck.handleOf('hold')?.hold(() => this.#carryOut(task));
    else this.#carryOut(task);
    // Whoever waits for the strike finds its effects.
    for (const handle of struck.handles) handle.strike();
  }

  #carryOut(task: Task): void {
    const { connection, call, work, struck } = task;
    if (this.#refuseBefore(task)) return;
    struck.message('run')?.before?.();
    const verifier = struck.message('verifier');
    if (verifier !== undefined) this.#host.world.newVerifier(verifier.lose);
    const out = acceptedReply(call.xid);
    work.run(out, struck);
    const reply = Buffer.from(out.bytes);
    this.#host.log.carriedOut(call, work, reply);
    struck.message('run')?.after?.();
    const restart = struck.message('restart');
    if (restart !== undefined || struck.message('drop') !== undefined) {
      connection.destroy();
      this.#settle(task, false);
      if (restart !== undefined) this.#host.restart(restart.grace ?? 'none');
      return;
    }
    if (struck.message('hold')?.carriedOut === true) struck.handleOf('hold')?.hold(() => this.#answer(task, reply));
    else this.#answer(task, reply);
  }

  /** True: it is not carried out. */
  #refuseBefore(task: Task): boolean {
    const { connection, call, struck } = task;
    const restart = struck.message('restart');
    if (restart?.carriedOut === false || struck.message('drop')?.carriedOut === false) {
      connection.destroy();
      // It never was: nothing is lost that must not be repeated.
      this.#host.counts.left(task.work.names);
      task.work.settled?.();
      if (restart !== undefined) this.#host.restart(restart.grace ?? 'none');
      return true;
    }
    const rpc = struck.message('rpc');
    if (rpc === undefined) return false;
    connection.reply(refusal(call.xid, rpc.how, [9, 10]), struck, () => {
      this.#host.counts.left(task.work.names);
      task.work.settled?.();
    });
    return true;
  }

  #answer(task: Task, reply: Buffer): void {
    const callback = task.struck.message('callback');
    if (callback !== undefined) {
      const program = this.#host.callbackProgram(task.connection.number);
      task.connection.send(callbackCall(++this.#callbackXids, program, callback.procedure));
    }
    task.connection.reply(reply, task.struck, (isAnswered) => this.#settle(task, isAnswered));
  }

  #settle({ call, work }: Task, isAnswered: boolean): void {
    this.#host.counts.left(work.names);
    this.#host.log.settled(call, work, isAnswered);
    work.settled?.();
  }
}
