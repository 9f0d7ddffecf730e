// `diorite probe`: what direct I/O asks for at a path, as a page for people or as JSON.
import type { ProbedCluster, ProbedDefaults, ProbedServer, ProbeResult } from '../copy/probe.js';
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
offers, and how long a call takes there and back. Or of a Ceph cluster, with a pool alone or a name in it: which
cluster it is, its OSDs and map, the pool and what it asks of writes, the layout of the file, and how long an OSD takes
to answer.

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

function aboutRemotePath({ path, kind, fileSystem, alignment }: ProbeResult): string {
  const rows: Row[] = [
    ['kind', kind],
    ['store', fileSystem.name],
    ['alignment', alignment.write.value === 1 ? 'none: any byte, from any memory' : 'none of memory, nor of reads'],
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

function aboutPool({ pool }: ProbedCluster): string {
  const rows: Row[] = [
    ['name', `${pool.name} (${pool.id})${pool.namespace === '' ? '' : `, namespace ${pool.namespace}`}`],
    ['type', `${pool.type}, size ${pool.size}, min_size ${pool.minSize}, ${pool.placementGroups} placement groups`],
    ['writes', pool.overwrites ? 'any byte' : `objects in order, in multiples of ${pool.alignment} bytes`],
    ['flags', pool.flags.join(', ') || 'none'],
  ];
  return section('pool', rows);
}

function aboutLayout({ file: { exists, bytes, layout } }: ProbedCluster): string {
  const rows: Row[] = [['file', exists ? formatBytes(bytes ?? 0) : 'none: of one that is made']];
  if (layout === null) rows.push(['layout', 'one object']);
  else {
    rows.push(['stripe unit', formatBytes(layout.stripeUnitBytes)]);
    rows.push(['stripe count', String(layout.stripeCount)]);
    rows.push(['object size', formatBytes(layout.objectBytes)]);
  }
  return section('layout', rows);
}

function aboutCluster(cluster: ProbedCluster): string {
  const { fsid, epoch, osds, flags, limits, crc32c, roundTripMs } = cluster;
  const about = section('cluster', [
    ['fsid', fsid],
    ['OSD map', `epoch ${epoch}, flags: ${flags.join(', ') || 'none'}`],
    ['OSDs', `${osds.all}: ${osds.up} up, ${osds.in} in`],
    ['one request', `up to ${formatBytes(limits.requestBytesMax)}`],
    [
      'one object',
      `up to ${formatBytes(limits.oneObjectBytesMax)}, of a striped file ${formatBytes(limits.stripedObjectBytesMax)}`,
    ],
    ['CRC-32C by', crc32c],
    ['round trip', `${roundTripMs.toFixed(3)} ms`],
  ]);
  return [about, aboutPool(cluster), aboutLayout(cluster)].join('\n');
}

/** Of what is here, on a server, or in a cluster. */
function parts(result: ProbeResult): string[] {
  const { server, cluster } = result;
  if (cluster !== undefined) return [aboutRemotePath(result), aboutCluster(cluster), aboutDefaults(result)];
  if (server !== undefined) return [aboutRemotePath(result), aboutServer(server), aboutDefaults(result)];
  return [aboutPath, aboutAlignment, aboutDevice, aboutEngine, aboutDefaults, aboutMachine].map((about) =>
    about(result),
  );
}

function describeProbe(result: ProbeResult): string {
  const all = parts(result);
  if (result.notes.length > 0) all.push(`${result.notes.join('\n')}\n`);
  return all.join('\n');
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
