// Child processes of tests: scripts run with another user, limits, refused system calls or another environment.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { hasCommand, type Skippable } from './needs.js';
import { type Cleanup, runDirectory, tempDirectory } from './temp.js';

/** dist/test/support → the repository. */
const REPOSITORY: string = fileURLToPath(new URL('../../../', import.meta.url));

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Set in the child's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly nodeArguments?: readonly string[];
  /** What the child is started by, such as `['prlimit', '--memlock=0']`. */
  readonly wrapper?: readonly string[];
  readonly stdin?: string;
}

function childEnvironment(changes: ChildOptions['env'] = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  // The runner's own: a child would speak its protocol, or take its options.
  delete env.NODE_TEST_CONTEXT;
  delete env.NODE_OPTIONS;
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  return env;
}

/** Runs a compiled script of ours to its end. */
export function runChild(script: string | URL, options: ChildOptions = {}): Promise<ChildResult> {
  const file = script instanceof URL ? fileURLToPath(script) : script;
  const command = [
    ...(options.wrapper ?? []),
    process.execPath,
    ...(options.nodeArguments ?? []),
    file,
    ...(options.args ?? []),
  ];
  const [name = '', ...args] = command;
  const child = spawn(name, args, { env: childEnvironment(options.env), stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A child that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Runs a script that prints one JSON value, and gives it; anything else is an error that shows what it said. */
export async function runJson(script: string | URL, options: ChildOptions = {}): Promise<unknown> {
  const result = await runChild(script, options);
  if (result.code !== 0) {
    throw new Error(`child ended with ${result.code ?? result.signal}\n${result.stdout}\n${result.stderr}`);
  }
  return JSON.parse(result.stdout);
}

/** Root is refused nothing: what must be refused runs as nobody, without any capability. */
export const AS_NOBODY: readonly string[] = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

/** False, and the test is skipped, where a process cannot become nobody. */
export function requireNobody(t: Skippable): boolean {
  if (process.getuid?.() !== 0) {
    t.skip('needs root, to become nobody');
    return false;
  }
  const [name = '', ...args] = [...AS_NOBODY, process.execPath, '-e', '0'];
  if (hasCommand('setpriv') && spawnSync(name, args).status === 0) return true;
  t.skip(`nobody cannot run ${process.execPath}`);
  return false;
}

/** The library and the tests, copied to where anybody may read them: a clone below /root is closed to nobody. */
export function publicCopy(): string {
  const copy = join(runDirectory(), 'public');
  if (!existsSync(join(copy, 'package.json'))) {
    mkdirSync(copy, { recursive: true });
    for (const name of ['dist', 'build/Release', 'package.json']) {
      const from = join(REPOSITORY, name);
      if (existsSync(from))
        cpSync(from, join(copy, name), { recursive: true, filter: (path) => !/obj\.target/.test(path) });
    }
  }
  return copy;
}

/** The copy of a compiled script that nobody can read. `script` is an URL below dist/. */
export function publicScript(script: URL): URL {
  const relative = fileURLToPath(script).slice(REPOSITORY.length);
  return pathToFileURL(join(publicCopy(), relative));
}

/** The wrapper that refuses io_uring by a seccomp filter; null, and the test is skipped, without cc. */
export function denyUring(t: Skippable & Cleanup): readonly string[] | null {
  return denying(t, 'deny-uring');
}

/** The same for splice, tee and vmsplice. */
export function denySplice(t: Skippable & Cleanup, error: 'EPERM' | 'ENOSYS'): readonly string[] | null {
  return denying(t, 'deny-splice', error);
}

/** A program of test/support, compiled here, with its arguments. */
function denying(t: Skippable & Cleanup, name: string, ...args: readonly string[]): readonly string[] | null {
  if (!hasCommand('cc')) {
    t.skip('no C compiler to build the seccomp filter with');
    return null;
  }
  const program = join(tempDirectory(t), name);
  const source = join(REPOSITORY, `test/support/${name}.c`);
  const built = spawnSync('cc', ['-O1', '-Wall', '-Werror', '-o', program, source], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cannot build ${name}: ${built.stderr}`);
  const tried = spawnSync(program, [...args, 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return [program, ...args];
  t.skip(`no seccomp here: ${tried.stderr.trim()}`);
  return null;
}
