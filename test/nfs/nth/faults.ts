// What can happen to one message, and what must come of it.
import type { NfsVersion } from '../ganesha-config.js';
import type { Fault, FaultRule } from '../mock/faults.js';
import type { MockServer } from '../mock/mock-server.js';

/** `passes`: the user sees nothing of it. `may fail`: with an error, and a ledger that is true. */
export type End = 'passes' | 'may fail';

/** MOUNT knows no JUKEBOX. */
const ofNfs: FaultRule['where'] = ({ names }) => !names.includes('MNT') && !names.includes('EXPORT');

export interface Happening {
  readonly name: string;
  readonly end: End;
  /** `4`: v4 alone. */
  readonly only?: '4';
  /** The answer makes no sense: what was answered so is an error, and its temporary file is removed, perhaps again. */
  readonly isNonsense?: boolean;
  /** The rule that strikes at the n-th message. */
  rule(server: MockServer, nth: number): FaultRule;
}

function message(name: string, end: End, fault: Fault): Happening {
  return { name, end, rule: (_server, nth) => ({ on: '*', nth, fault }) };
}

/** Of v4: SEQUENCE, with which every message in a session begins, is answered with this. */
function sequence(name: string, status: number, carriedOut = false): Happening {
  const fault = { kind: 'status', status, carriedOut } as const;
  return { name: `SEQUENCE: ${name}`, end: 'passes', only: '4', rule: (_, nth) => ({ on: 'SEQUENCE', nth, fault }) };
}

/** Something that befalls the server just before the message. */
function befalls(name: string, end: End, act: (server: MockServer) => void): Happening {
  const rule = (server: MockServer, nth: number): FaultRule => {
    return { on: '*', nth, fault: { kind: 'run', before: () => act(server) } };
  };
  return { name, end, only: '4', rule };
}

const GRACE = { grace: 'reclaim' } as const;

const HAPPENINGS: readonly Happening[] = [
  message('the connection breaks before', 'passes', { kind: 'drop', carriedOut: false }),
  message('the connection breaks after', 'passes', { kind: 'drop', carriedOut: true }),
  message('the server restarts before', 'passes', { kind: 'restart', carriedOut: false, ...GRACE }),
  message('the server restarts after', 'passes', { kind: 'restart', carriedOut: true, ...GRACE }),
  message('the server restarts, and knows nobody', 'may fail', { kind: 'restart', carriedOut: true }),
  message('another verifier, and what was not committed is lost', 'passes', { kind: 'verifier', lose: true }),
  message('answered twice', 'passes', { kind: 'twice' }),
  message('answered with another xid, then with its own', 'passes', { kind: 'wrongXid', right: true }),
  message('answered with another xid', 'passes', { kind: 'wrongXid', right: false }),
  message('never answered', 'passes', { kind: 'hold', carriedOut: true }),
  message('never carried out', 'passes', { kind: 'hold', carriedOut: false }),
  { ...message('an answer of 30 bytes', 'may fail', { kind: 'truncate', bytes: 30 }), isNonsense: true },
  { ...message('an answer without its last 4 bytes', 'may fail', { kind: 'truncate', bytes: -4 }), isNonsense: true },
  message('an answer of which 20 bytes come, and then the end', 'passes', { kind: 'cut', bytes: 20, end: 'drop' }),
  message('an answer of which 20 bytes come, and then nothing', 'passes', { kind: 'cut', bytes: 20, end: 'stall' }),
  message('an answer that says it were 2 GiB', 'may fail', { kind: 'mark', bytes: 0x7fff_ffff }),
  message('garbage before the answer', 'passes', { kind: 'garbage', bytes: Buffer.alloc(12, 0x5a) }),
  message('a call from the server', 'passes', { kind: 'callback', procedure: 1 }),
  message('SYSTEM_ERR', 'may fail', { kind: 'rpc', how: 'system err' }),
  message('an unknown accept_stat', 'may fail', { kind: 'rpc', how: 'unknown accept status' }),
  {
    name: 'DELAY',
    end: 'passes',
    rule: (_server, nth) => ({ on: '*', nth, where: ofNfs, fault: { kind: 'status', status: 10008 } }),
  },
  message('EIO', 'may fail', { kind: 'status', status: 5 }),
  message('EIO, and it is done all the same', 'may fail', { kind: 'status', status: 5, carriedOut: true }),
  message('a status that nobody knows', 'may fail', { kind: 'status', status: 123_456 }),
  sequence('DELAY', 10008),
  sequence('BADSESSION', 10052),
  sequence('BADSESSION, of a slot that has counted', 10052, true),
  sequence('DEADSESSION', 10078),
  sequence('BADSLOT', 10053),
  sequence('SEQ_MISORDERED', 10063),
  sequence('SEQ_FALSE_RETRY', 10076, true),
  sequence('RETRY_UNCACHED_REP', 10068, true),
  sequence('CONN_NOT_BOUND_TO_SESSION', 10055),
  befalls('all sessions are gone', 'passes', (server) => server.v4.sessions.sessions.clear()),
  befalls('all leases have ended', 'may fail', (server) => server.expireLeases()),
  befalls('one slot is left', 'passes', (server) => server.targetSlot(0)),
];

const FEW: ReadonlySet<string> = new Set([
  'the connection breaks before',
  'the connection breaks after',
  'the server restarts before',
  'the server restarts after',
  'answered twice',
  'never answered',
  'an answer of 30 bytes',
  'EIO, and it is done all the same',
  'SEQUENCE: BADSESSION, of a slot that has counted',
]);

export function happeningsFor(version: NfsVersion, tried: 'all' | 'messages' | 'few'): readonly Happening[] {
  return HAPPENINGS.filter(({ name, only }) => {
    if (only === '4' && version === '3') return false;
    return tried === 'all' || (tried === 'messages' ? only === undefined : FEW.has(name));
  });
}
