// What tests of `diorite copy -` begin with: a file of random bytes, and a directory for what is made of it.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../support/random.js';
import { type Cleanup, tempDirectory } from '../support/temp.js';

export interface Scene {
  readonly directory: string;
  readonly bytes: Buffer;
  /** Holds the bytes. */
  readonly FILE: string;
  /** Is not there yet, in a directory in which nothing else is. */
  readonly OUT: string;
  /** For what is told on standard error; elsewhere. */
  readonly ERR: string;
}

export function setUp(t: Cleanup, length: number): Scene {
  const directory = tempDirectory(t);
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  const FILE = join(directory, 'file');
  writeFileSync(FILE, bytes);
  mkdirSync(join(directory, 'to'));
  return { directory, bytes, FILE, OUT: join(directory, 'to', 'out'), ERR: join(directory, 'err') };
}

/** What is beside OUT, and OUT itself. */
export function inTo({ directory }: Scene): readonly string[] {
  return readdirSync(join(directory, 'to'));
}
