// Child of exit.test.ts: a ring that is idle lets the process end, one that is not keeps it. PIPE: a worker waits in a pipe.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Region } from '../../src/memory/region.js';
import { SegmentList } from '../../src/plan/request.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';

const { engine } = chooseEngine('uring');
const region = new Region(4096);
const segments = new SegmentList();
segments.push(region.buffer, 0, 4096, false);

function read(fd: number, complete: (result: number) => void): void {
  const rest = { offset: 0, length: 4096, flags: 0, segments, buffered: true, complete };
  engine.submit({ op: Op.READ, fd, ...rest });
}

if (!isMainThread) {
  // Standard input is a pipe that nobody writes to: the read cannot end by itself, and ends with the worker.
  read(0, () => undefined);
  setImmediate(() => parentPort?.postMessage('reading'));
} else if (process.argv[2] === 'PIPE') {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, 'message');
  await worker.terminate();
  process.exitCode = 3;
} else {
  const fd = fs.openSync(process.argv[2] ?? '', 'r');
  // A child of ours inherits nothing of the ring's.
  const shown = spawn('ls', ['-l', '/proc/self/fd'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let inherited = '';
  shown.stdout.setEncoding('utf8').on('data', (text: string) => {
    inherited += text;
  });
  await once(shown, 'close');
  if (/io_uring|eventfd/.test(inherited)) throw new Error(`inherited: ${inherited}`);
  // Nothing but the ring keeps the process alive from here on.
  read(fd, (first) => {
    setImmediate(() => read(fd, (second) => console.log(`read ${first} ${second}`)));
  });
}
