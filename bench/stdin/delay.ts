// Loaded before the command line: what its event loop waited goes to the file DELAY_FILE when the process ends.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** By then the program's modules are loaded, which is no work of a copy. */
const STARTED_MS = 500;

const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();
setTimeout(() => delays.reset(), STARTED_MS).unref();
process.on('exit', () => {
  const { DELAY_FILE: path } = process.env;
  if (path !== undefined) writeFileSync(path, String(delays.percentile(99.9) / 1e6));
});
