// What goes wrong on the mock, at which message: rules that match calls by name and number.

/** Of the message as a whole. */
export type MessageFault =
  /** The connection is destroyed instead of an answer, before or after the call was carried out. */
  | { readonly kind: 'drop'; readonly carriedOut: boolean }
  /** Nothing happens, or no answer leaves, before `release()`. */
  | { readonly kind: 'hold'; readonly carriedOut: boolean }
  | { readonly kind: 'twice' }
  /** Answered with another xid, `right`: and then with its own. */
  | { readonly kind: 'wrongXid'; readonly right: boolean }
  /** The reply ends after so many bytes; below 0: so many are missing. Its record mark says so, too. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** So many bytes of the reply leave under the mark of the whole; then the connection ends, or nothing more comes. */
  | { readonly kind: 'cut'; readonly bytes: number; readonly end: 'drop' | 'stall' }
  /** The record mark promises so many bytes, whatever there are. */
  | { readonly kind: 'mark'; readonly bytes: number }
  | { readonly kind: 'mutate'; readonly mutate: (reply: Buffer) => Buffer }
  /** These bytes stand before the reply on the connection. */
  | { readonly kind: 'garbage'; readonly bytes: Uint8Array }
  /** The reply leaves after so many later ones. */
  | { readonly kind: 'behind'; readonly replies: number }
  /** Refused by the RPC layer, as RFC 5531 §9 has it; the numbers are discriminants that nobody knows. */
  | { readonly kind: 'rpc'; readonly how: RpcRefusal }
  /** The server restarts before or after the call was carried out; `grace` as in `restart()`. */
  | { readonly kind: 'restart'; readonly carriedOut: boolean; readonly grace?: Grace }
  /** Before it is carried out there is another write verifier; `lose`: and what was unstable is gone. */
  | { readonly kind: 'verifier'; readonly lose: boolean }
  /** The server calls the client on the same connection before it answers: CB_NULL, or a COMPOUND of no operations. */
  | { readonly kind: 'callback'; readonly procedure: 0 | 1 }
  /** Whatever a test wants to happen just before or after it is carried out. */
  | { readonly kind: 'run'; readonly before?: () => void; readonly after?: () => void };

export type RpcRefusal =
  | 'denied mismatch'
  | 'denied auth'
  | 'prog unavail'
  | 'prog mismatch'
  | 'proc unavail'
  | 'garbage args'
  | 'system err'
  | 'unknown message type'
  | 'unknown reply status'
  | 'unknown accept status'
  | 'unknown reject status';

/** `reclaim`: until every client has reclaimed; a number: so many refusals; `none`: there is no grace period. */
export type Grace = 'none' | 'reclaim' | number;

/** Of one procedure of v3 or one operation of v4. */
export type OperationFault =
  /** `carriedOut`: it is done all the same, and only its answer is the status. */
  | { readonly kind: 'status'; readonly status: number; readonly carriedOut?: boolean }
  /** READ, WRITE, COPY move so many bytes at most. */
  | { readonly kind: 'short'; readonly bytes: number }
  /** READ says so, whatever is true. */
  | { readonly kind: 'eof'; readonly eof: boolean }
  /** WRITE and READ say so many, whatever they moved. */
  | { readonly kind: 'count'; readonly count: number }
  /** READ's payload claims this length; the bytes are as they are. */
  | { readonly kind: 'payload'; readonly bytes: number }
  /** WRITE and COPY say this level (0, 1, 2), whatever was asked; the data are as durable as the smaller of the two. */
  | { readonly kind: 'committed'; readonly committed: number }
  /** WRITE, COMMIT and COPY answer this verifier, this time. */
  | { readonly kind: 'says verifier'; readonly verifier: bigint }
  /** COPY is answered at once and goes on; OFFLOAD_STATUS tells, the n-th time, that it is done. */
  | { readonly kind: 'async copy'; readonly polls: number }
  /** OPEN grants a read delegation that nobody asked for. */
  | { readonly kind: 'delegation' };

export type Fault = MessageFault | OperationFault;

/** What a rule can look at. */
export interface FaultCall {
  /** Of v3 its procedure; of v4 COMPOUND and its operations, in order. */
  readonly names: readonly string[];
  readonly xid: number;
  readonly connection: number;
}

export interface FaultRule {
  /** A procedure or operation; `*`: every message, and of v4 its last operation. */
  readonly on: string;
  /** From which match on, from 1, the default. */
  readonly nth?: number;
  /** At how many matches; default 1. */
  readonly times?: number;
  readonly where?: (call: FaultCall) => boolean;
  readonly fault: Fault;
}

const OPERATION_KINDS: ReadonlySet<string> = new Set<OperationFault['kind']>([
  'status',
  'short',
  'eof',
  'count',
  'payload',
  'committed',
  'says verifier',
  'async copy',
  'delegation',
]);

function isOfOperation(fault: Fault): fault is OperationFault {
  return OPERATION_KINDS.has(fault.kind);
}

/** A rule at work. */
export class FaultHandle {
  readonly rule: FaultRule;
  #matches = 0;
  #hits = 0;
  #held: (() => void)[] = [];
  #isReleased = false;
  #waiting: { readonly hits: number; readonly resolve: () => void }[] = [];

  constructor(rule: FaultRule) {
    this.rule = rule;
  }

  /** How often it struck. */
  get hits(): number {
    return this.#hits;
  }

  /** How many calls wait in it. */
  get held(): number {
    return this.#held.length;
  }

  /** Resolves when it has struck so often. */
  hit(hits = 1): Promise<void> {
    if (this.#hits >= hits) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ hits, resolve }));
  }

  /** Lets go what it holds, in order (`reversed`: from the last), and holds nothing any more. */
  release(order: 'in order' | 'reversed' = 'in order'): void {
    this.#isReleased = true;
    const held = this.#held.splice(0);
    if (order === 'reversed') held.reverse();
    for (const go of held) go();
  }

  hold(go: () => void): void {
    if (this.#isReleased) go();
    else this.#held.push(go);
  }

  /** Whether it strikes at this call. */
  matches(call: FaultCall): boolean {
    const { on, nth = 1, times = 1, where } = this.rule;
    if (on !== '*' && !call.names.includes(on)) return false;
    if (where !== undefined && !where(call)) return false;
    this.#matches += 1;
    return this.#matches >= nth && this.#matches < nth + times;
  }

  strike(): void {
    this.#hits += 1;
    const ready = this.#waiting.filter(({ hits }) => hits <= this.#hits);
    this.#waiting = this.#waiting.filter(({ hits }) => hits > this.#hits);
    for (const { resolve } of ready) resolve();
  }
}

type OfKind<K extends Fault['kind']> = Extract<Fault, { readonly kind: K }>;

/** The faults that strike at one message. */
export class Struck {
  readonly handles: readonly FaultHandle[];
  readonly #lastName: string;

  constructor(handles: readonly FaultHandle[], call: FaultCall) {
    this.handles = handles;
    this.#lastName = call.names.at(-1) ?? '';
  }

  /** Of the message; the last one added counts. */
  message<K extends MessageFault['kind']>(kind: K): OfKind<K> | undefined {
    return this.handles.map(({ rule }) => rule.fault).findLast((fault): fault is OfKind<K> => fault.kind === kind);
  }

  handleOf(kind: MessageFault['kind']): FaultHandle | undefined {
    return this.handles.findLast(({ rule }) => rule.fault.kind === kind);
  }

  /** Of one operation in it. */
  operation<K extends OperationFault['kind']>(name: string, kind: K): OfKind<K> | undefined {
    return this.handles
      .filter(({ rule }) => rule.on === name || (rule.on === '*' && name === this.#lastName))
      .map(({ rule }) => rule.fault)
      .findLast((fault): fault is OfKind<K> => isOfOperation(fault) && fault.kind === kind);
  }
}

export class Faults {
  #rules: FaultHandle[] = [];

  add(rule: FaultRule): FaultHandle {
    const handle = new FaultHandle(rule);
    this.#rules.push(handle);
    return handle;
  }

  /** Forgets all rules, and lets go what they hold. */
  clear(): void {
    for (const handle of this.#rules.splice(0)) handle.release();
  }

  strike(call: FaultCall): Struck {
    const handles = this.#rules.filter((handle) => handle.matches(call));
    return new Struck(handles, call);
  }
}

/** Replaces a word of the reply; the offset counts from its end if it is below 0. */
export function patchWord(offset: number, value: number): MessageFault {
  return {
    kind: 'mutate',
    mutate: (reply) => {
      const bytes = Buffer.from(reply);
      bytes.writeUInt32BE(value >>> 0, offset < 0 ? bytes.length + offset : offset);
      return bytes;
    },
  };
}
