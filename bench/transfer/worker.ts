// worker SOURCE DESTINATION TIMES WARM: copies SOURCE so many times, in a process that has copied WARM often enough for
// V8 to have compiled what a copy runs, and prints what the copies cost as JSON.
import { performance } from 'node:perf_hooks';
import { copy } from '../../src/index.js';

/** What it prints. */
export interface CopyCost {
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly peakMib: number;
}

const WARM_COPIES = 30;

const [source = '', destination = '', times = '1', warm = ''] = process.argv.slice(2);
for (let i = 0; i < WARM_COPIES; i++) await copy(warm, destination, { force: true });
const cpu = process.cpuUsage();
const started = performance.now();
for (let i = 0; i < Number(times); i++) await copy(source, destination, { force: true });
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
const cost: CopyCost = {
  cpuSeconds: (user + system) / 1e6,
  seconds,
  peakMib: process.resourceUsage().maxRSS / 1024,
};
console.log(JSON.stringify(cost));
