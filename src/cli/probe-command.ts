// `diorite probe`: what direct I/O asks for at a path, as a page for people or as JSON.
import type { ProbedDefaults, ProbedServer, ProbeResult } from '../copy/probe.js';
import { exactly, type OptionKinds, parseArguments } from './arguments.js';
import { EXIT, exitCodesText } from './exit-codes.js';
import { formatBytes, formatList, formatRows } from './format.js';
import type { Command, Surroundings } from './main.js';
import { URL_HELP } from './url-help.js';

const OPTIONS: OptionKinds = { json: { type: 'boolean' } };

const HELP = `Usage: diorite probe PATH [--json]

Says what direct I/O asks for at PATH (a file, a directory or a block device) and where that was learnt, what the
device under it takes, which engine is used and why not the other, and what this machine can do. Nothing is written.

PATH may be a URL of an NFS server: which version it speaks, what one READ and one WRITE carry, which operations it
offers, and how long a call takes there and back.

Options:
      --json  print the result as one JSON object on standard output
  -h, --help  this text

${URL_HELP}

${exitCodesText()}
`;

/** With the labels before it, a list stays within 100 columns. */
const LIST_COLUMNS = 80;

type Row = readonly [string, string];

function section(title: string, rows: readonly Row[]): string {
  return `${title}\n${formatRows(rows, '  ')}\n`;
}

function aboutPath(result: ProbeResult): string {
  const { fileSystem, kind, notDirect } = result;
  const direct =
    notDirect.read === null && notDirect.write === null
      ? 'yes'
      : notDirect.read === notDirect.write
        ? `no: ${notDirect.read}`
        : `reads: ${notDirect.read ?? 'yes'}; writes: ${notDirect.write ?? 'yes'}`;
  const rows: Row[] = [
    ['kind', kind],
    ['file system', `${fileSystem.name} (0x${fileSystem.magic.toString(16)})`],
    ['direct I/O', kind === 'directory' ? 'to be asked of a file' : direct],
  ];
  if (fileSystem.freeBytes >= 0) rows.push(['free', formatBytes(fileSystem.freeBytes)]);
  return section(result.path, rows);
}

function aboutAlignment({ alignment }: ProbeResult): string {
  const row = (label: string, { value, from }: ProbeResult['alignment']['memory']): Row => [
    label,
    `${String(value).padStart(5)}  learnt from: ${from}`,
  ];
  return section('alignment, in bytes', [
    row('memory', alignment.memory),
    row('offset, reading', alignment.read),
    row('offset, writing', alignment.write),
    row('ends of writes', alignment.end),
  ]);
}

function aboutDevice({ device }: ProbeResult): string {
  if (device === null) return section('device', [['none', 'the file system has no block device of its own']]);
  const of = device.partitionOf === null ? '' : `, a partition of ${device.partitionOf}`;
  const rows: Row[] = [
    ['name', `${device.name} (${device.major}:${device.minor})${of}`],
    ['size', formatBytes(device.bytes) + (device.readOnly ? ', read-only' : '')],
    ...Object.entries(device.limits),
  ];
  return section('device', rows);
}

function aboutEngine({ engine, uring, addonProblem }: ProbeResult): string {
  const rows: Row[] = [
    ['engine', `${engine.name}, up to ${engine.depth} requests of ${engine.maxSegments} segments in flight`],
    ['why not uring', engine.whyNotUring ?? 'it is'],
    ['addon', addonProblem ?? 'loaded'],
  ];
  if (uring.available) {
    rows.push(['ring made with', formatList(uring.setup, LIST_COLUMNS)]);
    rows.push(['ring features', formatList(uring.features, LIST_COLUMNS)]);
    rows.push(['ring opcodes', String(uring.opcodes)]);
  }
  return section('engine', rows);
}

function chosenText({ depth, requestBytes }: ProbedDefaults['start']): string {
  return `${depth} of ${formatBytes(requestBytes)}`;
}

function aboutDefaults({ defaults }: ProbeResult): string {
  const { start, bounds, copy, copyDepthMax } = defaults;
  const rows: Row[] = [
    ['one read or write', chosenText(start)],
    ['why', start.why],
  ];
  if (bounds !== null) {
    const { depthMin, depthMax, requestBytesMin, requestBytesMax, bytesMax } = bounds;
    const sizes = `${formatBytes(requestBytesMin)} to ${formatBytes(requestBytesMax)}`;
    rows.push(['adapted to', `${depthMin} to ${depthMax} of ${sizes}, at most ${formatBytes(bytesMax)} in all`]);
  }
  rows.push(['a copy', `${chosenText(copy)}, a long one up to ${copyDepthMax} at a time`]);
  return section('requests in flight, where nothing is asked for', rows);
}

function aboutMachine({ machine, capabilities }: ProbeResult): string {
  const width = Math.max(...capabilities.map(({ how }) => how.length));
  return section(
    `this machine (Node ${machine.node}, Linux ${machine.kernel}, ${machine.arch})`,
    capabilities.map(({ name, how, note }) => [name, `${how.padEnd(width)}  ${note}`]),
  );
}

function aboutRemotePath({ path, kind, fileSystem }: ProbeResult): string {
  const rows: Row[] = [
    ['kind', kind],
    ['store', fileSystem.name],
    ['alignment', 'none: any byte, from any memory'],
  ];
  if (fileSystem.freeBytes >= 0) rows.push(['free', formatBytes(fileSystem.freeBytes)]);
  return section(path, rows);
}

function aboutServer({ name, protocol, version, limits, operations, connection, roundTripMs }: ProbedServer): string {
  const names = (offered: boolean | null): string => {
    const found = Object.entries(operations).flatMap(([operation, has]) => (has === offered ? [operation] : []));
    return found.length === 0 ? 'none' : formatList(found, LIST_COLUMNS);
  };
  const each = (most: number, best: number): string => `up to ${formatBytes(most)}, best ${formatBytes(best)}`;
  return section('server', [
    ['name', name],
    ['protocol', `${protocol} ${version}`],
    ['one READ', each(limits.readBytesMax, limits.readBytesBest)],
    ['one WRITE', each(limits.writeBytesMax, limits.writeBytesBest)],
    ['largest file', formatBytes(limits.fileBytesMax)],
    ['offers', names(true)],
    ['does not offer', names(false)],
    ...(names(null) === 'none' ? [] : [['not known', names(null)] as const]),
    ['carried by', connection.whyNotUring === null ? connection.name : `${connection.name}: ${connection.whyNotUring}`],
    ['round trip', `${roundTripMs.toFixed(3)} ms`],
  ]);
}

export function describeProbe(result: ProbeResult): string {
  const parts =
    result.server === undefined
      ? [aboutPath, aboutAlignment, aboutDevice, aboutEngine, aboutDefaults, aboutMachine].map((about) => about(result))
      : [aboutRemotePath(result), aboutServer(result.server), aboutDefaults(result)];
  if (result.notes.length > 0) parts.push(`${result.notes.join('\n')}\n`);
  return parts.join('\n');
}

async function run(args: readonly string[], { stdout }: Surroundings): Promise<number> {
  const parsed = parseArguments(args, OPTIONS);
  const [path = ''] = exactly(parsed, ['PATH']);
  const { probe } = await import('../index.js');
  const result = await probe(path);
  stdout.write(parsed.flags.has('json') ? `${JSON.stringify(result)}\n` : describeProbe(result));
  return EXIT.ok;
}

export const probeCommand: Command = { help: HELP, run };
