// Runs the compiled test files and prints what happened; scripts/test.mjs starts it once everything is built.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, parseArgs } from 'node:util';
import { runSeed } from './random.js';

const DIST: string = fileURLToPath(new URL('../../', import.meta.url));
const FILE_TIMEOUT_MS = 300_000;
/** Two files at a time: more would only measure how long tests wait for each other on the machines this must run on. */
const CONCURRENCY = 2;

interface Outcome {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly duration_ms: number; readonly type?: string | undefined; readonly error?: unknown };
}

function testFiles(only: string | undefined): string[] {
  const found = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(DIST, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.js'))
      .sort()
      .map((name) => join(DIST, folder, name)),
  );
  return only === undefined ? found : found.filter((file) => relative(DIST, file).includes(only));
}

/** Prints results as they come, and keeps what the summary needs. */
class Report {
  /** Names of the tests that are open, by nesting: a result is shown with the path that leads to it. */
  readonly #open: string[] = [];
  readonly #skipped: string[] = [];
  readonly #failed: string[] = [];
  readonly #closing: string[] = [];
  #file = '';

  get failures(): number {
    return this.#failed.length;
  }

  started(name: string, nesting: number): void {
    this.#open.length = nesting;
    this.#open[nesting] = name;
  }

  passed(outcome: Outcome): void {
    const title = this.#title(outcome);
    if (outcome.skip !== undefined && outcome.skip !== false) {
      const reason = typeof outcome.skip === 'string' && outcome.skip !== '' ? outcome.skip : 'NO REASON GIVEN';
      this.#skipped.push(`${this.#source(outcome)}: ${title}: ${reason}`);
      console.log(`  - ${title} # skipped: ${reason}`);
    } else if (outcome.details.type !== 'suite') {
      console.log(`  ✔ ${title} (${Math.round(outcome.details.duration_ms)} ms)`);
    }
  }

  failed(outcome: Outcome): void {
    const title = this.#title(outcome);
    const error = outcome.details.error;
    const isExpected = outcome.todo !== undefined && outcome.todo !== false;
    console.log(`  ✖ ${title}${isExpected ? ' # todo' : ''}`);
    if (isExpected) return;
    const failureType = error instanceof Error && 'failureType' in error ? error.failureType : null;
    // The parent of a failed test fails as well: it has nothing to add.
    const why =
      failureType === 'subtestsFailed' ? '' : `\n${inspect(error instanceof Error ? (error.cause ?? error) : error)}`;
    if (why !== '') console.log(why);
    this.#failed.push(`${this.#source(outcome)}: ${title}${why}`);
  }

  diagnostic(message: string, nesting: number): void {
    if (nesting === 0 && /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message)) {
      this.#closing.push(message);
    } else {
      console.log(`    # ${message}`);
    }
  }

  /** The runner's own closing lines stand last. */
  close(): void {
    if (this.#skipped.length > 0) console.log(`\nskipped:\n${this.#skipped.map((line) => `  ${line}`).join('\n')}`);
    if (this.#failed.length > 0) console.log(`\nfailed:\n${this.#failed.map((line) => `  ${line}`).join('\n')}`);
    console.log(`\n${this.#closing.map((line) => `# ${line}`).join('\n')}`);
  }

  #source(outcome: Outcome): string {
    return outcome.file === undefined ? '' : relative(DIST, outcome.file).replace(/\.js$/, '.ts');
  }

  #title(outcome: Outcome): string {
    const source = this.#source(outcome);
    if (source !== this.#file) console.log(`\n${source}`);
    this.#file = source;
    return [...this.#open.slice(0, outcome.nesting), outcome.name].join(' › ');
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, name: { type: 'string' } } });
  const files = testFiles(values.only);
  if (files.length === 0) {
    console.error(`no test file matches ${values.only ?? '*'}`);
    return 1;
  }
  // One seed for all files: a crash, which prints nothing, is repeated like a failure.
  process.env.DIORITE_SEED ??= String(runSeed());
  console.log(`seed ${process.env.DIORITE_SEED} (DIORITE_SEED repeats it)`);
  const report = new Report();
  const namePatterns = values.name === undefined ? {} : { testNamePatterns: [values.name] };
  const events = run({ files, concurrency: CONCURRENCY, timeout: FILE_TIMEOUT_MS, ...namePatterns });
  events.on('test:start', ({ name, nesting }) => report.started(name, nesting));
  events.on('test:pass', (outcome) => report.passed(outcome));
  events.on('test:fail', (outcome) => report.failed(outcome));
  events.on('test:diagnostic', ({ message, nesting }) => report.diagnostic(message, nesting));
  events.on('test:stdout', ({ message }) => process.stdout.write(message));
  events.on('test:stderr', ({ message }) => process.stderr.write(message));
  for await (const event of events) void event;
  report.close();
  return report.failures === 0 ? 0 : 1;
}

process.exitCode = await main();
