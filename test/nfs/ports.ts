// Ports for servers of tests, and the question whether an RPC server answers there.
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const LOOPBACK = '127.0.0.1';

/**
 * Below the range that the kernel takes source ports from (32768 up by default): a port from within it could be taken
 * while its server is down, and a client that tries to reconnect there can even be connected to itself. Each kind of
 * server has a range of its own: Ceph's daemons and clients try for long to reach a monitor that has ended, and an NFS
 * server that then listened there would be sent their banner.
 */
const RANGES = { nfs: [10_240, 24_000], ceph: [24_000, 32_000] } as const;
const PORT_ATTEMPTS = 100;

const NULL_CALL_TIMEOUT_MS = 5_000;
const READY_PAUSE_MS = 10;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

/** Ports on which nothing listens just now: whoever takes one may still be too late. */
export async function freePorts(kind: keyof typeof RANGES, count: number): Promise<number[]> {
  const [first, end] = RANGES[kind];
  const found = new Set<number>();
  for (let attempt = 0; attempt < PORT_ATTEMPTS && found.size < count; attempt++) {
    const port = first + Math.floor(Math.random() * (end - first));
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${count} free ports for ${kind} from ${first} to ${end}`);
  return [...found];
}

export interface RpcProgram {
  readonly port: number;
  readonly program: number;
  readonly version: number;
}

/** A NULL call, RFC 5531 §9: record mark, xid, CALL, RPC version 2, program, version, procedure 0, two empty AUTH_NONE. */
function nullCall(target: RpcProgram): Buffer {
  const words = [0x80000028, 1, 0, 2, target.program, target.version, 0, 0, 0, 0, 0];
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}

/** Whether a NULL call is accepted and successful. A port that is open proves nothing: a server may be about to give up. */
export function answersNull(target: RpcProgram): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target.port, LOOPBACK);
    let received = Buffer.alloc(0);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(NULL_CALL_TIMEOUT_MS, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('connect', () => socket.write(nullCall(target)));
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      // Record mark, xid, REPLY, MSG_ACCEPTED, the verifier's two words, then accept_stat: 0 is SUCCESS.
      if (received.length >= 28) settle(received.readUInt32BE(8) === 1 && received.readUInt32BE(24) === 0);
    });
  });
}

/** Asks until every program answers; false when that does not happen in time or `gaveUp` says that it never will. */
export async function untilAnswered(
  targets: readonly RpcProgram[],
  timeoutMs: number,
  gaveUp: () => boolean,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (const target of targets) {
    while (!(await answersNull(target))) {
      if (gaveUp() || Date.now() > deadline) return false;
      await pause(READY_PAUSE_MS);
    }
  }
  return !gaveUp();
}
