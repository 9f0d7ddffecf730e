// The traffic of a server's port, captured on the loopback interface and decoded by tshark: what others make of our packets.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { needs, type Skippable } from '../support/needs.js';
import { type Cleanup, runDirectory } from '../support/temp.js';
import { LOOPBACK } from './ports.js';

const run = promisify(execFile);
const MARKER_TIMEOUT_MS = 60_000;
const MARKER_PAUSE_MS = 20;
const DECODE_TIMEOUT_MS = 240_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Of the kernel, so that a burst is not lost while the capturing process does not run. */
const KERNEL_BUFFER_MIB = 64;
/** tshark takes a longer record for nonsense; its default is 4 MiB. */
const RECORD_BYTES_MAX = 128 * 1024 * 1024;

/** NFSv3's procedures by number: RFC 1813 §3. */
const V3_PROCEDURES = [
  'NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR RENAME LINK',
  'READDIR READDIRPLUS FSSTAT FSINFO PATHCONF COMMIT',
].flatMap((line) => line.split(' '));

/** Operations of v4 that tests count: RFC 8881 §16.2.3, RFC 7862 §15. */
const V4_OPERATIONS: Readonly<Record<string, string>> = {
  4: 'CLOSE',
  5: 'COMMIT',
  9: 'GETATTR',
  18: 'OPEN',
  25: 'READ',
  38: 'WRITE',
  42: 'EXCHANGE_ID',
  43: 'CREATE_SESSION',
  53: 'SEQUENCE',
  58: 'RECLAIM_COMPLETE',
  59: 'ALLOCATE',
  60: 'COPY',
  62: 'DEALLOCATE',
  69: 'SEEK',
  71: 'CLONE',
};

export interface Capture {
  /** Ends the capture once everything sent so far is in it. Idempotent; the other methods call it. */
  stop(): Promise<void>;
  /** Packets that tshark cannot make sense of, a line for each. */
  malformed(): Promise<string[]>;
  /** Calls by name: procedures of v3, operations within the COMPOUNDs of v4, as the wire had them. */
  calls(): Promise<Map<string, number>>;
}

/** By TCP, which a busy machine does on the loopback too: tshark then calls the bytes that overlap malformed. */
const SENT_AGAIN: string = ['retransmission', 'fast_retransmission', 'spurious_retransmission']
  .map((name) => `tcp.analysis.${name}`)
  .join(' || ');

/** False, and the test is skipped, where nothing can be captured. */
export function requireCapture(t: Skippable): boolean {
  if (process.getuid?.() === 0) return needs(t, 'tshark', 'dumpcap', 'setpriv');
  t.skip('capturing needs root');
  return false;
}

/** What a file holds from an offset on; nothing where there is no file yet. */
function readFrom(path: string, offset: number): Buffer {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= offset) return Buffer.alloc(0);
  const bytes = Buffer.alloc(size - offset);
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(file);
  }
}

class LoopbackCapture implements Capture {
  readonly #file: string;
  readonly #ports: readonly number[];
  readonly #marker: Socket;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #errors = '';
  #markers = 0;
  #stopped: Promise<void> | null = null;

  constructor(file: string, ports: readonly number[], marker: Socket) {
    this.#file = file;
    this.#ports = ports;
    this.#marker = marker;
    const wanted = [...ports.map((port) => `tcp port ${port}`), `udp port ${marker.address().port}`].join(' or ');
    const args = ['-q', '-i', 'lo', '-B', String(KERNEL_BUFFER_MIB), '-f', wanted, '-w', file];
    const command = ['--pdeathsig', 'KILL', 'dumpcap', ...args];
    this.#child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('close', () => resolve());
    });
  }

  /**
   * Sends datagrams to ourselves until one is in the file: then whatever was sent before the first is there as well, and
   * whatever is sent from now on will be.
   */
  async reach(): Promise<void> {
    const text = `diorite marker ${++this.#markers} of ${process.pid}.`;
    const deadline = Date.now() + MARKER_TIMEOUT_MS;
    for (let from = 0; ; ) {
      this.#marker.send(text, this.#marker.address().port, LOOPBACK);
      await pause(MARKER_PAUSE_MS);
      const bytes = readFrom(this.#file, from);
      if (bytes.includes(text)) return;
      // The marker itself may lie across the end of what was there.
      from = Math.max(from, from + bytes.length - text.length);
      if (Date.now() > deadline || this.#child.exitCode !== null) {
        throw new Error(`the capture does not go on: ${this.#errors}`);
      }
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      await this.reach();
    } finally {
      this.#marker.close();
      this.#child.kill('SIGINT');
      await this.#exited;
    }
    const lost = /received\/dropped on interface.*?: \d+\/(\d+)/.exec(this.#errors)?.[1];
    if (lost !== '0') throw new Error(`the capture lost packets: ${this.#errors}`);
  }

  async malformed(): Promise<string[]> {
    return await this.#decode(`_ws.malformed && !(${SENT_AGAIN})`, []);
  }

  async calls(): Promise<Map<string, number>> {
    const fields = ['rpc.program', 'rpc.programversion', 'rpc.procedure', 'nfs.opcode'].flatMap((name) => ['-e', name]);
    const lines = await this.#decode('nfs && rpc.msgtyp == 0', ['-T', 'fields', '-E', 'occurrence=a', ...fields]);
    const counts = new Map<string, number>();
    const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
    // One packet may end several calls: its fields are lists then.
    for (const line of lines) {
      const [, versions = '', procedures = '', operations = ''] = line.split('\t');
      if (versions.startsWith('3')) {
        for (const procedure of procedures.split(',')) count(V3_PROCEDURES[Number(procedure)] ?? procedure);
      }
      for (const operation of operations.split(',')) if (operation !== '') count(V4_OPERATIONS[operation] ?? operation);
    }
    return counts;
  }

  async #decode(filter: string, output: readonly string[]): Promise<string[]> {
    await this.stop();
    const decodeAs = this.#ports.flatMap((port) => ['-d', `tcp.port==${port},rpc`]);
    const records = ['-o', `rpc.max_tcp_pdu_size:${RECORD_BYTES_MAX}`];
    const args = ['-n', '-r', this.#file, ...decodeAs, ...records, '-Y', filter, ...output];
    const { stdout } = await run('tshark', args, { timeout: DECODE_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX });
    return stdout.split('\n').filter((line) => line !== '');
  }
}

/** Captures from now on what goes to and from these TCP ports. Ask `requireCapture` first. */
export async function startCapture(t: Cleanup, ports: readonly number[]): Promise<Capture> {
  const directory = mkdtempSync(join(runDirectory(), 'capture-'));
  const marker = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    marker.once('error', reject);
    marker.bind(0, LOOPBACK, resolve);
  });
  const capture = new LoopbackCapture(join(directory, 'packets'), ports, marker);
  t.after(() => capture.stop().finally(() => rmSync(directory, { recursive: true, force: true })));
  await capture.reach();
  return capture;
}
