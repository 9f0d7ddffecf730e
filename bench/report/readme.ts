// The README's table of figures: made of the results that are kept, and written between its two marks.
import type { Row } from '../harness.js';
import type { Recorded } from '../store.js';
import { shown } from './numbers.js';

const BEGIN = '<!-- figures: written by npm run bench -->';
const END = '<!-- end of the figures -->';
const HEAD = '| | diorite | peer |\n| --- | --- | --- |';

/** The rows of a case by their names. */
type Rows = (name: string) => Row;

interface Line {
  readonly name: string;
  readonly what: string;
  readonly ours: (rows: Rows) => string;
  readonly peers: (rows: Rows) => string;
}

const LINES: readonly Line[] = [
  {
    name: 'copy',
    what: 'copy of 4 GiB, cold, until durable',
    ours: (rows) => {
      const row = rows('diorite copy');
      return `**${shown(row.median)} MiB/s**, ${extra(row, 'CPU s')} s of CPU, ${pages(row)} pages of page cache`;
    },
    peers: (rows) => {
      const cp = rows('cp, then sync');
      const dd = `\`dd\` direct ${shown(rows('dd direct').median)} MiB/s`;
      return `${dd}; \`cp\` + sync ${shown(cp.median)} MiB/s, ${extra(cp, 'CPU s')} s of CPU, ${pages(cp)} pages`;
    },
  },
  {
    name: 'copy-several',
    what: '1 GiB to three new files on its own disk, read once, durable',
    ours: (rows) => `**${shown(rows('diorite copy to 3').median)} s**`,
    peers: (rows) => `fio, writing three such files at once ${shown(rows('fio, 3 files written').median)} s`,
  },
  {
    name: 'scattered',
    what: '4 MiB from 1,024 scattered pages',
    ours: (rows) => {
      const one = shown(rows('diorite, one contiguous buffer').median);
      return `**${shown(rows('diorite, 1,024 scattered pages').median)} ms** (one contiguous buffer: ${one} ms)`;
    },
    peers: (rows) => {
      const each = shown(rows('FileHandle.write, each awaited').median);
      return `\`FileHandle.writev\` ${shown(rows('FileHandle.writev, same views').median)} ms; 1,024 awaited writes ${each} ms`;
    },
  },
  {
    name: 'random-read',
    what: '4 KiB random reads, 128 at a time',
    ours: (rows) => reads(rows('diorite, file.read'), '**', ' a second', ' of CPU each'),
    peers: (rows) => `\`FileHandle.read\` ${reads(rows('FileHandle.read'))}; fio ${reads(rows('fio, io_uring'))}`,
  },
  {
    name: 'stream-write',
    what: '1 GiB through a write stream in chunks of 1 KiB',
    ours: (rows) => {
      const row = rows('diorite, createWriteStream');
      return `**${shown(row.median)} MiB/s**, ${extra(row, 'CPU s')} s of CPU`;
    },
    peers: (rows) => {
      const row = rows('node:fs, createWriteStream');
      return `\`node:fs\` ${shown(row.median)} MiB/s, ${extra(row, 'CPU s')} s`;
    },
  },
  {
    name: 'nfs-write-mem',
    what: '1 GiB to an NFS server in memory, 256 pages per MiB',
    ours: (rows) => `**${shown(rows('diorite v3, 256 pages').median)} MB/s**`,
    peers: (rows) => {
      const page = shown(rows('one awaited RPC per page').median);
      return `libnfs, in C ${shown(rows('libnfs, asynchronous C, 8 in flight').median)} MB/s; an RPC per page ${page} MB/s`;
    },
  },
  {
    name: 'start',
    what: "`import 'diorite'` over bare `node`",
    ours: (rows) => `${shown(rows('import of the library').median - rows('bare node').median)} ms`,
    peers: () => '',
  },
];

function extra({ extras }: Row, name: string): string {
  return shown(extras[name] ?? null);
}

/** Of the source as well: cp leaves both files there. */
function pages({ extras }: Row): string {
  return shown((extras['destination pages'] ?? 0) + (extras['source pages more'] ?? 0));
}

function reads(row: Row, strong = '', aSecond = '', each = ''): string {
  return `${strong}${shown(row.median)}${aSecond}${strong}, ${extra(row, 'CPU µs per read')} µs${each}`;
}

function rowsOf({ name, rows }: Recorded): Rows {
  return (wanted) => {
    const row = rows.find((each) => each.name === wanted);
    if (row === undefined) throw new RangeError(`the case ${name} has no row "${wanted}"`);
    return row;
  };
}

/** A case that was never measured has no line. */
export function figuresTable(results: readonly Recorded[]): string {
  const lines = LINES.flatMap(({ name, what, ours, peers }) => {
    const result = results.find((each) => each.name === name);
    if (result === undefined || result.rows.length === 0) return [];
    const rows = rowsOf(result);
    return [`| ${what} | ${ours(rows)} | ${peers(rows)} |`.replace('|  |', '| |')];
  });
  return [HEAD, ...lines].join('\n');
}

/** The README with the table of these results. */
export function withFigures(readme: string, results: readonly Recorded[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new RangeError(`the README has no "${BEGIN}" … "${END}"`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${figuresTable(results)}\n${readme.slice(end)}`;
}
