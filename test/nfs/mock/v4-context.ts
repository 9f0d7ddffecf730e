// What the operations of one COMPOUND of the mock share: current and saved objects, the session, and the server's state.
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import { Opens } from './opens.js';
import type { Call } from './program.js';
import { type Client, type Session, Sessions, type Slot } from './sessions.js';
import { fail, STATUS } from './status.js';
import type { Node, Tree } from './tree.js';
import type { StateId } from './v4-codec.js';
import type { World } from './world.js';

/** An asynchronous COPY that goes on. */
export interface Offload {
  readonly bytes: number;
  pollsLeft: number;
}

/** What lasts from COMPOUND to COMPOUND. */
export class V4State {
  readonly world: World;
  readonly sessions: Sessions;
  readonly opens: Opens;
  readonly offloads: Map<string, Offload> = new Map();
  /** The session that a connection was last used for. */
  readonly bound: Map<number, Session> = new Map();

  constructor(world: World) {
    this.world = world;
    this.sessions = new Sessions(world);
    this.opens = new Opens(world);
  }

  newOffload(offload: Offload): StateId {
    const stateId = this.opens.newStateId();
    this.offloads.set(stateId.other, offload);
    return stateId;
  }

  restart(): void {
    this.opens.restart();
    this.sessions.forgetAll();
    this.offloads.clear();
    this.bound.clear();
  }

  /** The client's lease ran out, or it began anew: what it held is gone. */
  forget(client: Client, isExpired: boolean): void {
    this.opens.forgetClient(client, isExpired);
    this.sessions.forget(client);
  }
}

const CURRENT_OTHER = '0'.repeat(24);

export class Compound {
  readonly state: V4State;
  readonly call: Call;
  readonly minor: number;
  /** How many operations it has. */
  readonly length: number;
  /** What follows SEQUENCE in the message. */
  readonly body: Uint8Array;
  session: Session | null = null;
  slot: Slot | null = null;
  /** The results are to be kept for a retry. */
  cacheThis = false;
  /** Set by a SEQUENCE that came before: these results are given again. */
  replay: Buffer | 'uncached' | null = null;
  /** An operation that must not be carried out twice was come to. */
  isHarmfulDone = false;
  current: Node | null = null;
  saved: Node | null = null;
  currentStateId: StateId | null = null;
  savedStateId: StateId | null = null;

  constructor(state: V4State, call: Call, minor: number, length: number, body: Uint8Array) {
    this.state = state;
    this.call = call;
    this.minor = minor;
    this.length = length;
    this.body = body;
  }

  get world(): World {
    return this.state.world;
  }

  get tree(): Tree {
    return this.state.world.tree;
  }

  get client(): Client | null {
    return this.session?.client ?? null;
  }

  /** The current filehandle's. */
  get node(): Node {
    return this.current ?? fail(STATUS.NOFILEHANDLE);
  }

  get savedNode(): Node {
    return this.saved ?? fail(STATUS.NOFILEHANDLE);
  }

  get directory(): Node {
    return this.tree.directory(this.node);
  }

  /** The current filehandle is a file. */
  get file(): Node {
    return this.asFile(this.node);
  }

  asFile(node: Node): Node {
    if (node.type === 'file') return node;
    return fail(
      node.type === 'directory' ? STATUS.ISDIR : node.type === 'symlink' ? STATUS.SYMLINK : STATUS.WRONG_TYPE,
    );
  }

  checkName(name: string): void {
    this.tree.checkName(name);
    if (name === '.' || name === '..') fail(STATUS.BADNAME);
  }

  /** The special stateid (1, 0) stands for the one that an operation before it set: RFC 8881 §16.2.3.1.2. */
  stateId(asked: StateId): StateId {
    if (asked.seqid !== 1 || asked.other !== CURRENT_OTHER) return asked;
    return this.currentStateId ?? fail(STATUS.BAD_STATEID);
  }
}

/** An operation whose arguments are decoded. */
export interface Operation {
  readonly name: string;
  readonly number: number;
  /** Default: true. */
  readonly isRepeatable?: boolean;
  /** Carries it out and writes what follows the status OK; throws NfsFailure. */
  ok(out: XdrWriter, compound: Compound, struck: Struck): void;
  /** What follows another status; default: nothing. */
  failed?(out: XdrWriter, status: number): void;
}
