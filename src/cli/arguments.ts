// Parses a command's arguments; whatever is wrong with them becomes one line that names the argument.
import { parseArgs } from 'node:util';
import { isPowerOfTwo } from '../base/integers.js';

/** Wrong usage: the message is for the user, as it stands. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type OptionKinds = Readonly<Record<string, { readonly type: 'boolean' | 'string'; readonly short?: string }>>;

export interface Parsed {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

/** node:util does the tokens; it is not left to be strict, for its messages speak of its own rules at length. */
export function parseArguments(args: readonly string[], options: OptionKinds): Parsed {
  const joined = joinValues(args, options);
  const { tokens } = parseArgs({ args: joined, options, strict: false, allowPositionals: true, tokens: true });
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const kind = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (kind === undefined) throw new UsageError(`unknown option '${token.rawName}'`);
    if (kind.type === 'boolean') {
      if (token.value !== undefined) throw new UsageError(`option '${token.rawName}' takes no value`);
      flags.add(token.name);
    } else {
      if (token.value === undefined || token.value === '')
        throw new UsageError(`option '${token.rawName}' needs a value`);
      values.set(token.name, token.value);
    }
  }
  return { flags, values, positionals };
}

/** `--depth -1` means what `--depth=-1` means: a wrong value, to be told as such. */
function joinValues(args: readonly string[], options: OptionKinds): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--') return [...joined, ...args.slice(i)];
    const name = arg.startsWith('--') ? arg.slice(2) : '';
    const next = args[i + 1];
    const takesValue = Object.hasOwn(options, name) && options[name]?.type === 'string';
    if (takesValue && next !== undefined && /^-\d/.test(next)) {
      joined.push(`${arg}=${next}`);
      i++;
    } else joined.push(arg);
  }
  return joined;
}

export function oneOf<T extends string>(parsed: Parsed, name: string, choices: readonly T[]): T | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw new UsageError(`--${name}: '${value}' is none of ${choices.join(', ')}`);
  return choice;
}

/** A count of things: an integer from 1 on. */
export function countOf(parsed: Parsed, name: string, most: number): number | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const count = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(count >= 1 && count <= most)) throw new UsageError(`--${name}: '${value}' is not an integer from 1 to ${most}`);
  return count;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `4096`, `512K`, `1M`, `1MiB`: K, M, G and T are powers of 1024. NaN: it is no size. */
function bytesIn(value: string): number {
  const match = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(value);
  return match === null ? Number.NaN : Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
}

/** Of any number of bytes. */
export function bytesOf(parsed: Parsed, name: string): number | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const bytes = bytesIn(value);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`--${name}: '${value}' is no number of bytes (1234, 512K, 10G …)`);
  return bytes;
}

/** A power of two. */
export function sizeOf(parsed: Parsed, name: string, least: number, most: number): number | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const bytes = bytesIn(value);
  if (!(bytes >= least && bytes <= most && isPowerOfTwo(bytes)))
    throw new UsageError(`--${name}: '${value}' is not a power of two from ${least} to ${most} (4096, 512K, 1M …)`);
  return bytes;
}

export function exactly(parsed: Parsed, names: readonly string[]): readonly string[] {
  const { positionals } = parsed;
  const missing = names[positionals.length];
  if (missing !== undefined) throw new UsageError(`missing ${missing}`);
  if (positionals.length > names.length) throw new UsageError(`one argument too many: '${positionals[names.length]}'`);
  if (positionals.some((value) => value === '')) throw new UsageError('an empty path');
  return positionals;
}

/** Exactly these, and then any number more of the last one. */
export function atLeast(parsed: Parsed, names: readonly string[]): readonly string[] {
  const { positionals } = parsed;
  exactly({ ...parsed, positionals: positionals.slice(0, names.length) }, names);
  if (positionals.some((value) => value === '')) throw new UsageError('an empty path');
  return positionals;
}
