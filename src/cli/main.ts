// The command line: finds the command, and turns whatever happens into one line and an exit status.
import { readFileSync } from 'node:fs';
import { UsageError } from './arguments.js';
import { EXIT, exitCodeOf, exitCodesText } from './exit-codes.js';
import { type Output, standardOutput } from './output.js';

/** What a command is given of the world: tests give it another. */
export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Command {
  readonly help: string;
  run(args: readonly string[], surroundings: Surroundings): Promise<number>;
}

/** Loaded when they are named: `diorite --version` needs neither. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  copy: async () => (await import('./copy-command.js')).copyCommand,
  probe: async () => (await import('./probe-command.js')).probeCommand,
  explain: async () => (await import('./explain-command.js')).explainCommand,
};

const HELP = `diorite: direct I/O for Node.js

Usage:
  diorite copy SOURCE DESTINATION… [options]  copy a file with direct I/O
  diorite probe PATH [options]                what direct I/O asks for there, and what this machine can do
  diorite explain [PATH] --vectors LIST       which requests vectors of memory become there, and elsewhere
  diorite COMMAND --help                      the options of a command
  diorite --version

${exitCodesText()}
`;

function version(): string {
  // dist/src/cli/main.js, three folders below the package.
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return parsed !== null && typeof parsed === 'object' && 'version' in parsed ? String(parsed.version) : 'unknown';
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const line = text.replace(/\s*\n\s*/g, ' ');
  return code === '' || line.includes(code) || code.startsWith('ERR_') ? line : `${code}: ${line}`;
}

async function dispatch(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    surroundings[name === undefined ? 'stderr' : 'stdout'].write(HELP);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-V') {
    surroundings.stdout.write(`${version()}\n`);
    return EXIT.ok;
  }
  if (name.startsWith('-')) throw new UsageError(`unknown option '${name}'`);
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw new UsageError(`unknown command '${name}'`);
  const command = await load();
  if (wantsHelp(rest)) {
    surroundings.stdout.write(command.help);
    return EXIT.ok;
  }
  return command.run(rest, surroundings);
}

function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** Returns the exit status; never throws for what a user or a disk did. */
export async function main(args: readonly string[], surroundings: Surroundings = standardOutput()): Promise<number> {
  try {
    return await dispatch(args, surroundings);
  } catch (error) {
    if (error instanceof UsageError) {
      const command = args[0] !== undefined && Object.hasOwn(COMMANDS, args[0]) ? `diorite ${args[0]}` : 'diorite';
      surroundings.stderr.write(`${command}: ${error.message} (see ${command} --help)\n`);
      return EXIT.usage;
    }
    surroundings.stderr.write(`diorite: ${messageOf(error)}\n`);
    return exitCodeOf(error);
  }
}
