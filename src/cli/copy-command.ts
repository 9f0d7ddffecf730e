// `diorite copy`: options in, a bar while it runs, what happened in the end.
import { PAGE_SIZE } from '../base/integers.js';
import {
  type CopyOptions,
  type CopyResult,
  DEFAULT_DEPTH,
  DEFAULT_REQUEST_BYTES,
  DEPTH_MAX,
  ENGINE_WISHES,
  IN_FLIGHT_BYTES_MAX,
  IO_WISHES,
  REQUEST_BYTES_MAX,
} from '../copy/options.js';
import { countOf, exactly, type OptionKinds, oneOf, parseArguments, sizeOf, UsageError } from './arguments.js';
import { EXIT, exitCodesText } from './exit-codes.js';
import { formatBytes, formatCount, formatDuration, formatRate, formatRows } from './format.js';
import type { Command, Surroundings } from './main.js';
import { ProgressBar } from './progress.js';

const OPTIONS: OptionKinds = {
  force: { type: 'boolean', short: 'f' },
  verify: { type: 'boolean' },
  json: { type: 'boolean' },
  'no-progress': { type: 'boolean' },
  depth: { type: 'string' },
  'request-size': { type: 'string' },
  io: { type: 'string' },
  engine: { type: 'string' },
};

const HELP = `Usage: diorite copy SOURCE DESTINATION [options]

Copies a regular file or a block device with direct I/O. The copy is written under a temporary name beside the
destination, synced, and then published under its own: until then an old file keeps its bytes, and whatever goes
wrong leaves it as it was. A DESTINATION that is a directory means SOURCE's name inside it. Devices and FIFOs are
written in place and are never replaced.

Options:
  -f, --force          replace an existing file; write to a block device
      --verify         read the copy back past the page cache, before it is published, and compare checksums
      --depth N        pieces on the way at a time, 1 to ${DEPTH_MAX} (default ${DEFAULT_DEPTH})
      --request-size S how large a piece is: 4096, 512K, 1M … (default ${DEFAULT_REQUEST_BYTES / 1024 / 1024}M)
      --io MODE        ${IO_WISHES.join(', ')}
                       (default prefer-direct: what it really was is in the result)
      --engine NAME    ${ENGINE_WISHES.join(', ')} (default auto)
      --json           print the result, or the error, as one JSON object on standard output
      --no-progress    no progress bar (it is drawn on a terminal only)
  -h, --help           this text

${exitCodesText()}
A block device that was written in part stays so: there is no old content to go back to.
`;

type Signalled = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

function toOptions(args: readonly string[]): {
  paths: readonly string[];
  options: CopyOptions;
  flags: ReadonlySet<string>;
} {
  const parsed = parseArguments(args, OPTIONS);
  const depth = countOf(parsed, 'depth', DEPTH_MAX);
  const requestBytes = sizeOf(parsed, 'request-size', PAGE_SIZE, REQUEST_BYTES_MAX);
  if ((depth ?? DEFAULT_DEPTH) * (requestBytes ?? DEFAULT_REQUEST_BYTES) > IN_FLIGHT_BYTES_MAX)
    throw new UsageError(`--depth times --request-size is more than ${formatBytes(IN_FLIGHT_BYTES_MAX)}`);
  const io = oneOf(parsed, 'io', IO_WISHES);
  const engine = oneOf(parsed, 'engine', ENGINE_WISHES);
  return {
    paths: exactly(parsed, ['SOURCE', 'DESTINATION']),
    flags: parsed.flags,
    options: {
      force: parsed.flags.has('force'),
      verify: parsed.flags.has('verify'),
      ...(depth === undefined ? {} : { depth }),
      ...(requestBytes === undefined ? {} : { requestBytes }),
      ...(io === undefined ? {} : { io }),
      ...(engine === undefined ? {} : { engine }),
    },
  };
}

function modeText({ read, write }: CopyResult['io']): string {
  return read === write ? read : `${read} reads, ${write} writes`;
}

/** What happened, in lines for people. */
export function describe(result: CopyResult): string {
  const rows: [string, string][] = [
    ['copied', `${formatBytes(result.bytes)} to ${result.destination}`],
    [
      'time',
      `${formatDuration(result.durationMs)}, ${formatRate(result.bytes, result.durationMs)}, ${(result.cpuMs / 1000).toFixed(2)} s of CPU`,
    ],
    [
      'requests',
      `${formatCount(result.requests)} (${formatCount(result.readRequests)} reads, ${formatCount(result.writeRequests)} writes), ` +
        `${formatBytes(result.averageRequestBytes)} on average`,
    ],
    [
      'io',
      modeText(result.io) +
        (result.bufferedBytes > 0 ? `; ${formatBytes(result.bufferedBytes)} through the page cache` : ''),
    ],
    ['engine', result.engineReason === null ? result.engine : `${result.engine} (${result.engineReason})`],
  ];
  if (result.holesBytes > 0) rows.splice(1, 0, ['holes', formatBytes(result.holesBytes)]);
  rows.push(['verified', result.verified ? `yes, read back (${result.verifyIo})` : 'no (--verify)']);
  rows.push(['durable', result.stable ? 'yes' : 'no: the destination has no stable storage']);
  return `${formatRows(rows)}\n`;
}

function errorObject(error: unknown, interrupted: Signalled | null): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, errno, syscall, path, offset } = error as NodeJS.ErrnoException & { offset?: number };
  return { code, message: error.message, errno, syscall, path, offset, signal: interrupted ?? undefined };
}

/** The first signal ends the copy in good order; a second one ends the process at once, as by default. */
function onSignals(abort: (signal: Signalled) => void): () => void {
  const signals: readonly Signalled[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const listeners = signals.map((signal) => {
    const listener = (): void => abort(signal);
    process.once(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

async function run(args: readonly string[], { stdout, stderr }: Surroundings): Promise<number> {
  const { paths, options, flags } = toOptions(args);
  // After the arguments were checked: help and mistakes need no library.
  const { copy } = await import('../index.js');
  const [source = '', destination = ''] = paths;
  const bar = stderr.isTTY && !flags.has('no-progress') ? new ProgressBar(stderr) : null;
  const controller = new AbortController();
  let interrupted: Signalled | null = null;
  const release = onSignals((signal) => {
    interrupted ??= signal;
    controller.abort();
  });
  try {
    const result = await copy(source, destination, {
      ...options,
      signal: controller.signal,
      onProgress: (progress) => bar?.update(progress),
    });
    bar?.clear();
    stdout.write(flags.has('json') ? `${JSON.stringify(result)}\n` : describe(result));
    return EXIT.ok;
  } catch (error) {
    bar?.clear();
    if (flags.has('json')) stdout.write(`${JSON.stringify({ error: errorObject(error, interrupted) })}\n`);
    if (interrupted === null) throw error;
    stderr.write(`diorite: interrupted: ${source} was not copied\n`);
    return interrupted === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  } finally {
    release();
  }
}

export const copyCommand: Command = { help: HELP, run };
