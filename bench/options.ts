// The command line of the bench.
import { parseArgs } from 'node:util';

export interface Options {
  readonly mode: 'run' | 'render' | 'profile' | 'list' | 'help';
  /** Cases; of `render`, files of results. */
  readonly names: readonly string[];
  /** 0: as many as each case wants. */
  readonly runs: number;
  readonly quick: boolean;
  readonly directory: string | undefined;
  readonly json: string | undefined;
}

export const HELP = `npm run bench -- [options] [CASE...]
  CASE, --case NAME   only this case, or all whose names begin so (nfs); may be repeated
  --runs N            so many interleaved runs of each case
  --quick             less data and fewer runs: to see that it works, not to judge
  --dir DIR           where the data lie: on the disk that is to be measured
  --json FILE         the figures go there, merged with what it has, and the report is left alone

npm run bench -- --render [FILE...]
  Measures nothing: merges the figures of these files into those that are kept, the newest of each case, and writes
  the report and its charts again.

npm run bench -- --profile [PATH...]
  Where the hot paths spend their time and what they allocate by operation: bench/PROFILE.md.

npm run bench -- --list
  The names of all cases.

Figures are kept in bench/results.json, from which bench/REPORT.md and bench/charts/ are written. Those of --quick go to
bench/local/ instead, which is not in the repository.
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
      render: { type: 'boolean' },
      profile: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const modes = (['render', 'profile', 'list', 'help'] as const).filter((mode) => values[mode] === true);
  if (modes.length > 1) throw new RangeError(`--${modes.join(' and --')} do not go together`);
  const runs = Number(values.runs ?? 0);
  if (!Number.isInteger(runs) || runs < 0 || (values.runs !== undefined && runs === 0)) {
    throw new RangeError(`--runs takes a positive integer, not "${values.runs}"`);
  }
  return {
    mode: modes[0] ?? 'run',
    names: [...(values.case ?? []), ...positionals],
    runs,
    quick: values.quick ?? false,
    directory: values.dir,
    json: values.json,
  };
}
