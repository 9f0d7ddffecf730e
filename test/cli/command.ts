// Runs the real command line in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ChildOptions, type ChildResult, runChild } from '../support/children.js';

/** dist/test/cli → bin. */
export const CLI: URL = new URL('../../../bin/diorite.js', import.meta.url);

export function diorite(args: readonly string[], options: Omit<ChildOptions, 'args'> = {}): Promise<ChildResult> {
  return runChild(CLI, { ...options, args });
}

/** One request of 4 KiB at a time: a file of some MiB takes seconds, so that a test can step in. */
export const SLOWLY: readonly string[] = ['--depth', '1', '--request-size', '4096'];
export const SLOW_BYTES: number = 48 * 1024 * 1024;

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

export function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [fileURLToPath(CLI), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

const isTemporary = (name: string): boolean => /^\..+\.diorite-[0-9a-f]+$/.test(name);

export async function temporaryFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter(isTemporary);
}

/** Calls back with the name of the first temporary file that appears in the directory. Begins to look before it returns. */
export function temporaryFileAppears(directory: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const watcher = watch(directory, (_event, name) => {
      if (name === null || !isTemporary(name)) return;
      watcher.close();
      resolve(name);
    });
    watcher.on('error', reject);
  });
}
