// In a worker: waits for a stream that gives nothing, and says so once it does.
import { parentPort, workerData } from 'node:worker_threads';
import { IovIter } from '../../../src/iter.js';
import { PipeTarget } from '../../../src/targets/pipe/pipe-target.js';
import { startTransfer } from '../../../src/transfer/transfer.js';

const target = PipeTarget.over(Number(workerData));
void startTransfer(target, IovIter.ubuf(new Uint8Array(10)), 0, 10, 'read', {});
// By then the first attempt has come back, and it waits.
setTimeout(() => parentPort?.postMessage('waits'), 50);
