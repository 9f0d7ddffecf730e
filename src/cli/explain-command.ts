// `diorite explain`: vectors from the command line in, the requests they become out, as text, JSON and a picture.
import { open as openFile, readFile, stat } from 'node:fs/promises';
import type { ExplainOptions } from '../explain/explain.js';
import type { LimitWishes } from '../explain/limits.js';
import { checkVectors, parseSize, parseVectors, type Vector } from '../explain/vectors.js';
import { type OptionKinds, oneOf, type Parsed, parseArguments, UsageError } from './arguments.js';
import { EXIT, exitCodesText } from './exit-codes.js';
import type { Command, Surroundings } from './main.js';

/** Options that set a limit of the target's. */
const LIMITS: Readonly<Record<string, keyof LimitWishes>> = {
  'memory-alignment': 'memoryAlignment',
  'offset-alignment': 'offsetAlignment',
  'end-alignment': 'endAlignment',
  'best-bytes': 'bestBytes',
  'best-segments': 'bestSegments',
  'max-bytes': 'maxBytes',
  'max-segments': 'maxSegments',
  'copy-break': 'copyBreakBytes',
  boundary: 'boundaryBytes',
};

const OTHERS = ['vectors', 'vectors-file', 'seed', 'offset', 'direction', 'wsize', 'stripe-unit', 'requests', 'svg'];

const OPTIONS: OptionKinds = {
  json: { type: 'boolean' },
  ...Object.fromEntries([...OTHERS, ...Object.keys(LIMITS)].map((name) => [name, { type: 'string' }] as const)),
};

const HELP = `Usage: diorite explain [PATH] --vectors LIST [options]

Lays vectors of memory over a target and shows the requests that they become: which memory goes into which request,
what is copied and why, why each request ends; and what node:fs, the Linux NFS client and Ceph's kernel client would
make of the same vectors. The memory is simulated. PATH, a file or a block device, is opened for reading to learn
what it asks for; it is neither read nor written. Without PATH, or where an option says so, the limits are given ones.

Vectors:
      --vectors LIST         [Nx]SIZE[@LAYOUT], separated by commas: 4096  4K,100,4K  1024x512@shuffled
                             contiguous  each behind the one before it (the default)
                             scattered   each on a page of its own
                             shuffled    as contiguous, in another order (--seed)
                             misaligned  page+1
                             page+N      each on a page of its own, N bytes into it
                             stride+N    as contiguous, every N-th, around and around
      --vectors-file FILE    a JSON array of { "offset": place in memory, "size": bytes }
      --seed N               of shuffled (default 1)

Range:
      --offset N             where in the target the range begins (default 0): 4096, 1M …
      --direction WAY        write (the default) or read

Limits of the target (default PATH's, or those of a usual disk, which are in brackets):
      --memory-alignment N   what addresses are a multiple of (512)
      --offset-alignment N   what offsets and lengths are a multiple of (512)
      --end-alignment N      what a write's unaligned ends are cut at (4096)
      --best-bytes N         how large requests are made (1M); --max-bytes N: how large they may be
      --best-segments N      how many segments requests get (256); --max-segments N: how many they may have
      --copy-break N         smaller pieces are copied together (8K)
      --boundary N           no request crosses a multiple of this (0: none)

Others:
      --wsize N              what one WRITE or READ of the NFS client carries (1M)
      --stripe-unit N        of the CephFS file (4M)

Output:
      --requests N           how many requests are shown (default 8; with --json all, up to 4096)
      --json                 print one JSON object on standard output
      --svg FILE             draw a picture as well; an existing FILE that is no SVG is refused
  -h, --help                 this text

${exitCodesText()}
`;

function bytesOf(parsed: Parsed, name: string): number | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const bytes = parseSize(value);
  if (Number.isNaN(bytes)) throw new UsageError(`--${name}: '${value}' is not a number of bytes (4096, 512K, 1M …)`);
  return bytes;
}

function countOf(parsed: Parsed, name: string): number | undefined {
  const value = parsed.values.get(name);
  if (value === undefined) return undefined;
  const count = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new UsageError(`--${name}: '${value}' is not an integer from 0 on`);
  return count;
}

async function vectorsOf(parsed: Parsed, seed: number): Promise<string | readonly Vector[]> {
  const list = parsed.values.get('vectors');
  const path = parsed.values.get('vectors-file');
  if (list !== undefined && path !== undefined) throw new UsageError('--vectors and --vectors-file exclude each other');
  if (list !== undefined) {
    parseVectors(list, seed, (problem) => new UsageError(`--vectors: ${problem}`));
    return list;
  }
  if (path === undefined) throw new UsageError('missing --vectors LIST or --vectors-file FILE');
  const refuse = (problem: string): Error => new UsageError(`--vectors-file: ${path}: ${problem}`);
  return checkVectors(parsedJson(await readFile(path, 'utf8'), refuse), refuse);
}

function parsedJson(text: string, refuse: (problem: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function toOptions(parsed: Parsed): Promise<ExplainOptions> {
  const [path, ...rest] = parsed.positionals;
  if (rest.length > 0) throw new UsageError(`one argument too many: '${rest[0]}'`);
  if (path === '') throw new UsageError('an empty path');
  const seed = countOf(parsed, 'seed');
  const limits: { -readonly [Name in keyof LimitWishes]: number } = {};
  for (const [option, name] of Object.entries(LIMITS)) {
    const value = name.endsWith('Segments') ? countOf(parsed, option) : bytesOf(parsed, option);
    if (value !== undefined) limits[name] = value;
  }
  return {
    vectors: await vectorsOf(parsed, seed ?? 1),
    path,
    seed,
    limits,
    offset: bytesOf(parsed, 'offset'),
    direction: oneOf(parsed, 'direction', ['read', 'write']),
    nfsBytes: bytesOf(parsed, 'wsize'),
    stripeUnitBytes: bytesOf(parsed, 'stripe-unit'),
  };
}

/** The library names its arguments; here they are options. */
const OPTION_NAMES: readonly (readonly [string, string])[] = [
  ...Object.entries(LIMITS).map(([option, name]) => [name, option] as const),
  ['nfsBytes', 'wsize'],
  ['stripeUnitBytes', 'stripe-unit'],
];

function asUsage(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!(error instanceof Error) || !['ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE'].includes(String(code))) return error;
  let message = error.message;
  for (const [name, option] of OPTION_NAMES)
    message = message.replace(new RegExp(`(?:limits\\.)?\\b${name}\\b`, 'g'), `--${option}`);
  return new UsageError(message.replace(/"(--[a-z-]+)"/g, '$1').replace('"offset"', '--offset'));
}

/**
 * Opened before anything is printed, and emptied only when it is known to be a new file or an SVG: what is named by
 * mistake (a disk, the very PATH) is left alone.
 */
async function writePicture(file: string, path: string | undefined, picture: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found?.isDirectory() === true || found?.isBlockDevice() === true)
    throw new UsageError(`--svg: ${file} is not a regular file`);
  const target = path === undefined ? null : await stat(path);
  if (found !== null && found.ino === target?.ino && found.dev === target.dev)
    throw new UsageError(`--svg: ${file} is PATH, which nothing is written to`);
  if (found?.isFile() === true && found.size > 0 && !(await startsAsSvg(file)))
    throw new UsageError(`--svg: ${file} exists and is no SVG`);
  const handle = await openFile(file, 'w');
  try {
    await handle.writeFile(picture);
  } finally {
    await handle.close();
  }
}

async function startsAsSvg(file: string): Promise<boolean> {
  const handle = await openFile(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    return /^\s*(?:<\?xml|<svg)/.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await handle.close();
  }
}

async function run(args: readonly string[], { stdout }: Surroundings): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  const requests = countOf(parsed, 'requests');
  const options = await toOptions(parsed);
  const { explain } = await import('../index.js');
  const explanation = await explain(options).catch((error: unknown) => {
    throw asUsage(error);
  });
  const svg = parsed.values.get('svg');
  if (svg !== undefined) await writePicture(svg, options.path, explanation.toSvg({ requests }));
  if (parsed.flags.has('json')) stdout.write(`${JSON.stringify(explanation.toObject({ requests }))}\n`);
  else stdout.write(`${explanation.toString({ requests })}\n`);
  return EXIT.ok;
}

export const explainCommand: Command = { help: HELP, run };
