// What the command line's exit status says. `--help` prints this table; errors are mapped here and nowhere else.
import type { CopyAllResult } from '../copy/options.js';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  verify: 3,
  sourceChanged: 4,
  someFailed: 5,
  interrupted: 130,
  closedPipe: 141,
  terminated: 143,
} as const;

const MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.ok, 'done'],
  [
    EXIT.failed,
    'it failed or was refused; nothing was published (a device or FIFO, written in place, may have taken a part)',
  ],
  [EXIT.usage, 'wrong usage: an unknown option, a missing or a wrong argument'],
  [EXIT.verify, '--verify: what was read back differs; not published'],
  [EXIT.sourceChanged, 'the source changed while it was copied, or is not all there; not published'],
  [EXIT.someFailed, 'of several destinations some were written, and some were not: those are as they were'],
  [EXIT.interrupted, 'interrupted (SIGINT); not published'],
  [EXIT.closedPipe, 'nobody reads any more what was written to a pipe (EPIPE)'],
  [EXIT.terminated, 'terminated (SIGTERM, SIGHUP); not published'],
];

export function exitCodesText(): string {
  const lines = MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
  return ['Exit status:', ...lines].join('\n');
}

export function exitCodeOf(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (someWritten(error)) return EXIT.someFailed;
  if (code === 'ERR_DIORITE_VERIFY') return EXIT.verify;
  if (code === 'ERR_DIORITE_SOURCE_CHANGED' || code === 'ERR_DIORITE_SOURCE_FAILED') return EXIT.sourceChanged;
  if (code === 'EPIPE') return EXIT.closedPipe;
  return EXIT.failed;
}

/** The error of a copy to several destinations carries what became of each. */
function someWritten(error: unknown): boolean {
  if (!(error instanceof Error && 'result' in error)) return false;
  const { failed, destinations } = error.result as CopyAllResult;
  return failed < destinations.length;
}
