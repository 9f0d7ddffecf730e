// Runs the command line in a shell, between other programs: real pipes, redirections and signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CLI } from './command.js';

export interface ShellResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface ShellRun {
  readonly child: ChildProcess;
  readonly ended: Promise<ShellResult>;
}

/** `diorite` is the command line; other names are as given. Descriptors 1 and 2 are sockets, as Node makes them. */
export function startShell(script: string, variables: Readonly<Record<string, string>> = {}): ShellRun {
  const env: NodeJS.ProcessEnv = { ...process.env, ...variables };
  delete env.NODE_TEST_CONTEXT;
  delete env.NODE_OPTIONS;
  env.NODE = process.execPath;
  env.BIN = fileURLToPath(CLI);
  const prelude = 'set -o pipefail; diorite() { "$NODE" "$BIN" "$@"; }; ';
  const child = spawn('bash', ['-c', prelude + script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<ShellResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout: Buffer.concat(stdout), stderr }));
  });
  return { child, ended };
}

export function shell(script: string, variables: Readonly<Record<string, string>> = {}): Promise<ShellResult> {
  return startShell(script, variables).ended;
}
