// The command line of the bench.
import { parseArgs } from 'node:util';

export interface Options {
  readonly cases: readonly string[];
  readonly runs: number;
  readonly quick: boolean;
  readonly directory: string | undefined;
  readonly json: string | undefined;
  readonly help: boolean;
}

export const HELP = `npm run bench -- [options] [CASE...]
  --case NAME    only this case, or all whose names begin so (nfs); may be repeated
  --runs N       so many interleaved runs of each case
  --quick        less data and fewer runs: to see that it works, not to judge
  --dir DIR      where the data lie: on the disk that is to be measured
  --json FILE    where the figures are written (default bench/results/latest.local.json)
`;

export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      case: { type: 'string', multiple: true },
      runs: { type: 'string' },
      quick: { type: 'boolean' },
      dir: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const runs = Number(values.runs ?? 0);
  if (!Number.isInteger(runs) || runs < 0 || (values.runs !== undefined && runs === 0)) {
    throw new RangeError(`--runs takes a positive integer, not "${values.runs}"`);
  }
  return {
    cases: [...(values.case ?? []), ...positionals],
    runs,
    quick: values.quick ?? false,
    directory: values.dir,
    json: values.json,
    help: values.help ?? false,
  };
}
