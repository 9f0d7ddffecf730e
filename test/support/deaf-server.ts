// A TCP port at which nobody is heard: connections to it are neither made nor refused.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

/** More than fit the backlog of one. */
const FILLERS = 4;

/** Listens and never comes back to its event loop: the kernel takes the few that fit the backlog, and drops the rest. */
export async function startDeafServer(t: Pick<TestContext, 'after'>, host: string, port = 0): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ host: '${host}', port: ${port}, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  t.after(() => worker.terminate());
  const [given] = (await once(worker, 'message')) as [number];
  const fillers = Array.from({ length: FILLERS }, () => connect({ host, port: given }));
  t.after(() => fillers.forEach((socket) => void socket.destroy()));
  for (const socket of fillers) socket.on('error', () => {});
  await Promise.any(fillers.map((socket) => once(socket, 'connect')));
  return given;
}
