// The kernel beside us: a C program makes the calls, on memory that lies as ours does, and tells what came of them.
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { needs, type Skippable } from '../support/needs.js';
import { type Cleanup, tempDirectory } from '../support/temp.js';

const SOURCE = fileURLToPath(new URL('../../../test/differential/kernel.c', import.meta.url));

/** A piece of memory: `at` counts from the arena's start, which is page-aligned in both programs. */
export interface Vector {
  readonly at: number;
  readonly length: number;
}

export type Mode = 'r' | 'w' | 'rw' | 'a';

/** What a call came to: bytes moved, or the name of its errno. */
export type Answer = number | string;

/** The program, built with the system's compiler; null, and the test is skipped, where there is none. */
export function buildKernelCaller(t: Skippable & Cleanup): string | null {
  if (!needs(t, 'cc')) return null;
  const program = join(tempDirectory(t), 'kernel');
  const built = spawnSync('cc', ['-O1', '-Wall', '-Werror', '-o', program, SOURCE], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cannot build ${SOURCE}: ${built.stderr}`);
  return program;
}

/** What the arena's first bytes are filled with: the same in both programs. */
export function fillArena(bytes: Uint8Array, seed: number): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
}

interface Waiting {
  /** Raw bytes that follow the line. */
  readonly bytes: number;
  readonly resolve: (answer: { result: number; bytes: Buffer }) => void;
  readonly reject: (error: Error) => void;
}

/** One process, one file at a time; commands are answered in order. */
export class Kernel {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Waiting[] = [];
  #chunks: Buffer[] = [];
  #held = 0;

  private constructor(program: string, wrapper: readonly string[]) {
    const [name = '', ...args] = [...wrapper, program];
    this.#child = spawn(name, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    const gone = (why: string) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the kernel caller is gone: ${why}`));
    };
    this.#child.on('error', (error) => gone(error.message));
    this.#child.on('exit', (code, signal) => gone(String(code ?? signal)));
    // The exit says why.
    this.#child.stdin.on('error', () => undefined);
  }

  static async start(program: string, arenaBytes: number, wrapper: readonly string[] = []): Promise<Kernel> {
    const kernel = new Kernel(program, wrapper);
    await kernel.#must(`arena ${arenaBytes}`);
    return kernel;
  }

  /** Opens the file twice: with O_DIRECT, and without. */
  async open(mode: Mode, path: string): Promise<void> {
    await this.#must(`open ${mode} ${path}`);
  }

  async fill(seed: number, bytes: number): Promise<void> {
    await this.#must(`fill ${seed} ${bytes}`);
  }

  async dump(bytes: number): Promise<Buffer> {
    return (await this.#ask(`dump ${bytes}`, bytes)).bytes;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#must(`truncate ${bytes}`);
  }

  async punch(offset: number, bytes: number): Promise<void> {
    await this.#must(`punch ${offset} ${bytes}`);
  }

  /** One preadv or pwritev with O_DIRECT. */
  direct(op: 'read' | 'write', offset: number, vectors: readonly Vector[]): Promise<Answer> {
    return this.#move(op === 'read' ? 'r' : 'w', offset, vectors);
  }

  /** Without O_DIRECT, and in several calls where there are more vectors than one takes. */
  buffered(op: 'read' | 'write', offset: number, vectors: readonly Vector[]): Promise<Answer> {
    return this.#move(op === 'read' ? 'R' : 'W', offset, vectors);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.stdin.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended;
  }

  async #move(command: string, offset: number, vectors: readonly Vector[]): Promise<Answer> {
    const list = vectors.map(({ at, length }) => `${at}:${length}`).join(' ');
    const { result } = await this.#ask(`${command} ${offset} ${vectors.length} ${list}`);
    return result < 0 ? getSystemErrorName(result) : result;
  }

  async #must(command: string): Promise<void> {
    const { result } = await this.#ask(command);
    if (result < 0) throw new Error(`${command}: ${getSystemErrorName(result)}`);
  }

  #ask(command: string, bytes = 0): Promise<{ result: number; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      this.#child.stdin.write(`${command}\n`);
    });
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const first = this.#waiting[0];
    if (first === undefined || this.#held < first.bytes) return;
    const all = Buffer.concat(this.#chunks);
    const line = all.indexOf('\n');
    if (line < 0 || all.length < line + 1 + first.bytes) {
      this.#chunks = [all];
      return;
    }
    this.#chunks = [];
    this.#held = 0;
    this.#waiting.shift();
    first.resolve({ result: Number(all.toString('latin1', 0, line)), bytes: all.subarray(line + 1) });
  }
}
