// `diorite copy`: options in, a bar while it runs, what happened in the end.
import type { DioriteError } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import {
  type CopyAllResult,
  type CopyOptions,
  type CopyResult,
  DEFAULT_DEPTH,
  DEFAULT_REQUEST_BYTES,
  DEPTH_MAX,
  type DestinationDone,
  type DestinationFailed,
  ENGINE_WISHES,
  IN_FLIGHT_BYTES_MAX,
  IO_WISHES,
  REFLINK_WISHES,
  REQUEST_BYTES_MAX,
} from '../copy/options.js';
import type { Chosen } from '../transfer/pace.js';
import { atLeast, bytesOf, countOf, type OptionKinds, oneOf, parseArguments, sizeOf, UsageError } from './arguments.js';
import { EXIT, exitCodesText } from './exit-codes.js';
import { formatBytes, formatCount, formatDuration, formatRate, formatRows } from './format.js';
import type { Command, Surroundings } from './main.js';
import { ProgressBar } from './progress.js';
import { URL_HELP } from './url-help.js';

const OPTIONS: OptionKinds = {
  force: { type: 'boolean', short: 'f' },
  verify: { type: 'boolean' },
  json: { type: 'boolean' },
  'no-progress': { type: 'boolean' },
  depth: { type: 'string' },
  'request-size': { type: 'string' },
  size: { type: 'string' },
  'any-status': { type: 'boolean' },
  reflink: { type: 'string' },
  io: { type: 'string' },
  engine: { type: 'string' },
};

const HELP = `Usage: diorite copy SOURCE DESTINATION… [options]

Copies a regular file or a block device with direct I/O. The copy is written under a temporary name beside the
destination, synced, and then published under its own: until then an old file keeps its bytes, and whatever goes
wrong leaves it as it was. A DESTINATION that is a directory means SOURCE's name inside it. Devices and FIFOs are
written in place and are never replaced.

Several destinations get the bytes of one reading; each is written at its own pace, within bounded memory, and published
by itself. One that fails is told of and leaves no file; the others go on, and the exit status is ${EXIT.someFailed}.

SOURCE and DESTINATION may be URLs of files on NFS servers, in any mixture. Between two files of one server that offers
it (NFS 4.2) the server copies by itself, and no bytes come here; the result's io says so. Or of files in Ceph
clusters: a striped file appears when it is whole, and --force replaces one, but not at once: the old one goes first.

SOURCE may be -, standard input, and a DESTINATION may be -, standard output: pipes, sockets or redirected files, and no
terminals. (A file of that name is ./-.) A new file is published when its input has ended. A pipe does not tell that the
program which wrote to it died before it was done: where that can be known all the same (Linux 6.15, a program of the
same shell that was killed, or ended with another status than 0) nothing is published; --size is the proof where the
size is known, and 'set -o pipefail' has the shell's word. Where both sides allow it pages go between pipe and file
without being copied (splice); the result says how many bytes did, and why others did not. What is told goes to standard
error where standard output has the bytes.

Options:
  -f, --force          replace existing files; write to block devices
      --verify         read the copy back past the page cache, before it is published, and compare checksums
      --depth N        pieces on the way at a time to each destination, 1 to ${DEPTH_MAX} (default ${DEFAULT_DEPTH})
      --request-size S how large a piece is: 4096, 512K, 1M … (default ${DEFAULT_REQUEST_BYTES / 1024 / 1024}M)
      --size SIZE      how many bytes SOURCE must have (1234, 512K, 10G …), or nothing is published
      --any-status     publish what a pipe gave though the program that wrote to it failed
      --reflink WHEN   ${REFLINK_WISHES.join(', ')}: auto shares the source's blocks where the file system can, and moves
                       bytes where it cannot (default never: the copy has blocks of its own)
      --io MODE        ${IO_WISHES.join(', ')}
                       (default prefer-direct: what it really was is in the result)
      --engine NAME    ${ENGINE_WISHES.join(', ')} (default auto)
      --json           print the result, or the error, as one JSON object on standard output
                       (on standard error where a DESTINATION is -)
      --no-progress    no progress bar (it is drawn on a terminal only)
  -h, --help           this text

${exitCodesText()}
A block device that was written in part stays so: there is no old content to go back to.

${URL_HELP}
`;

/** How copy() knows standard input and output. */
const STANDARD_INPUT = 'fd://0';
const STANDARD_OUTPUT = 'fd://1';

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
  const size = bytesOf(parsed, 'size');
  const io = oneOf(parsed, 'io', IO_WISHES);
  const engine = oneOf(parsed, 'engine', ENGINE_WISHES);
  const reflink = oneOf(parsed, 'reflink', REFLINK_WISHES);
  return {
    paths: atLeast(parsed, ['SOURCE', 'DESTINATION']),
    flags: parsed.flags,
    options: {
      force: parsed.flags.has('force'),
      verify: parsed.flags.has('verify'),
      anyStatus: parsed.flags.has('any-status'),
      ...(size === undefined ? {} : { size }),
      ...(depth === undefined ? {} : { depth }),
      ...(requestBytes === undefined ? {} : { requestBytes }),
      ...(io === undefined ? {} : { io }),
      ...(engine === undefined ? {} : { engine }),
      ...(reflink === undefined ? {} : { reflink }),
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
    ['time', timeText(result)],
    ['io', modeText(result.io) + cachedText(result)],
    ...(pipedText(result) === '' ? [] : [['pipe', pipedText(result)] satisfies [string, string]]),
    ['engine', engineText(result)],
  ];
  if (result.chosen !== null) rows.splice(2, 0, ['on the way', chosenText(result.chosen)]);
  if (result.requests > 0) rows.splice(2, 0, ['requests', requestsText(result)]);
  if (result.holesBytes > 0) rows.splice(1, 0, ['holes', formatBytes(result.holesBytes)]);
  if (result.wholeBy !== 'size') rows.splice(1, 0, ['source', endText(result)]);
  if (result.reflinkReason !== null) rows.push(['reflink', `no: ${result.reflinkReason}`]);
  rows.push(['verified', result.verified ? `yes, read back (${result.verifyIo})` : 'no (--verify)']);
  rows.push(['durable', result.stable ? 'yes' : 'no: the destination has no stable storage']);
  return `${formatRows(rows)}\n`;
}

function chosenText({ depth, requestBytes, why }: Chosen): string {
  return `${depth} pieces of ${formatBytes(requestBytes)} (${why})`;
}

function timeText({ bytes, durationMs, cpuMs }: CopyResult | CopyAllResult): string {
  return `${formatDuration(durationMs)}, ${formatRate(bytes, durationMs)}, ${(cpuMs / 1000).toFixed(2)} s of CPU`;
}

function requestsText({ requests, readRequests, writeRequests, averageRequestBytes }: CopyResult): string {
  const each = `${formatCount(readRequests)} reads, ${formatCount(writeRequests)} writes`;
  return `${formatCount(requests)} (${each}), ${formatBytes(averageRequestBytes)} on average`;
}

/** How bytes of a stream went; empty: there was none. */
function pipedText({ splicedBytes, stagedBytes, stagedReason }: CopyResult | DestinationDone): string {
  const spliced = splicedBytes > 0 ? [`${formatBytes(splicedBytes)} spliced`] : [];
  const staged = stagedBytes > 0 ? [`${formatBytes(stagedBytes)} staged (${stagedReason})`] : [];
  return [...spliced, ...staged].join(', ');
}

function engineText({ engine, engineReason }: CopyResult | DestinationDone): string {
  return engineReason === null ? engine : `${engine} (${engineReason})`;
}

function cachedText({ bufferedBytes }: CopyResult | DestinationDone): string {
  return bufferedBytes > 0 ? `; ${formatBytes(bufferedBytes)} through the page cache` : '';
}

/** Of a source without a size. */
function endText({ wholeBy }: CopyResult | CopyAllResult): string {
  return wholeBy === null ? 'it ended; whether it was whole is not known (--size)' : 'its program ended with status 0';
}

/** What became of each of several destinations; failures are told on standard error as well. */
function describeAll(result: CopyAllResult): string {
  const { destinations, failed } = result;
  const rows: [string, string][] = [
    [
      'copied',
      `${formatBytes(result.bytes)} to ${destinations.length - failed} of ${destinations.length} destinations`,
    ],
    ['time', timeText(result)],
    ['read', `${formatCount(result.readRequests)} requests, ${result.io}`],
    ...destinations.map((each): [string, string] => [each.destination, destinationText(each)]),
  ];
  if (result.holesBytes > 0) rows.splice(1, 0, ['holes', formatBytes(result.holesBytes)]);
  if (result.wholeBy !== 'size') rows.splice(1, 0, ['source', endText(result)]);
  return `${formatRows(rows)}\n`;
}

function destinationText(each: DestinationDone | DestinationFailed): string {
  if (each.error !== null) return `not written: ${each.error.message}`;
  const reflink = each.reflinkReason === null ? [] : [`no reflink: ${each.reflinkReason}`];
  return [
    `${formatCount(each.writeRequests)} requests, ${each.io}${cachedText(each)}`,
    ...(pipedText(each) === '' ? [] : [pipedText(each)]),
    engineText(each),
    ...reflink,
    each.verified ? `verified (${each.verifyIo})` : 'not verified',
    each.stable ? 'durable' : 'not durable: no stable storage',
    formatDuration(each.durationMs),
  ].join('; ');
}

/** As JSON: an Error's message is no property that JSON.stringify sees. */
function allAsJson(result: CopyAllResult): Record<string, unknown> {
  const destinations = result.destinations.map((each) =>
    each.error === null ? each : { ...each, error: errorObject(each.error, null) },
  );
  return { ...result, destinations };
}

/** The result that the error of a copy to several destinations carries. */
function resultIn(error: unknown): CopyAllResult | null {
  // Of one kind only: CopyError, which is loaded with the library.
  return error instanceof Error && 'result' in error ? (error.result as CopyAllResult) : null;
}

function errorObject(error: unknown, interrupted: Signalled | null): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, errno, syscall, path, offset, bytes, extents } = error as NodeJS.ErrnoException & Partial<DioriteError>;
  const { message } = error;
  return { code, message, errno, syscall, path, offset, bytes, extents, signal: interrupted ?? undefined };
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
  const [from = '', ...to] = paths;
  const source = from === '-' ? STANDARD_INPUT : from;
  const destinations = to.map((name) => (name === '-' ? STANDARD_OUTPUT : name));
  const [destination = ''] = destinations;
  // The bytes are alone where they go.
  const report = destinations.includes(STANDARD_OUTPUT) ? stderr : stdout;
  const bar = stderr.isTTY && !flags.has('no-progress') ? new ProgressBar(stderr) : null;
  const controller = new AbortController();
  let interrupted: Signalled | null = null;
  const release = onSignals((signal) => {
    interrupted ??= signal;
    controller.abort();
  });
  const all: CopyOptions = {
    ...options,
    signal: controller.signal,
    onProgress: (progress) => bar?.update(progress),
  };
  const print = (json: object, text: () => string): void => {
    bar?.clear();
    report.write(flags.has('json') ? `${JSON.stringify(json)}\n` : text());
  };
  try {
    if (destinations.length > 1) {
      const result = await copy(source, destinations, all);
      print(allAsJson(result), () => describeAll(result));
    } else {
      const result = await copy(source, destination, all);
      print(result, () => describe(result));
    }
    return EXIT.ok;
  } catch (error) {
    const result = resultIn(error);
    const told = result === null ? {} : allAsJson(result);
    print({ ...told, error: errorObject(error, interrupted) }, () => (result === null ? '' : describeAll(result)));
    if (interrupted === null) throw error;
    stderr.write(
      `diorite: interrupted: ${from === '-' ? 'standard input' : from} was not copied${notCopiedTo(result)}\n`,
    );
    return interrupted === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  } finally {
    release();
  }
}

function notCopiedTo(result: CopyAllResult | null): string {
  if (result === null) return '';
  return ` to ${result.destinations.flatMap((each) => (each.error === null ? [] : [each.destination])).join(', ')}`;
}

export const copyCommand: Command = { help: HELP, run };
