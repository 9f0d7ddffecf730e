// One measurement of a stream, in a process of its own: prints what it took as JSON.
//
//      worker.js write-ours|write-node PATH BYTES       chunks of 1 KiB
//      worker.js read-ours PATH BYTES DEPTH             all of the file
//      worker.js upload-ours|upload-node PATH BYTES     by HTTP, from a process of its own (send)
//      worker.js idle
//
// Files that are read, and uploads, come twice: half a gigabyte that is not counted, then all of it. While the first of
// it comes V8 compiles, and for each piece of room that the compiler asks for it collects the whole heap, since the
// chunks on the way look to it like a heap that grows: of a process's start, and not of a server's day.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { assert } from '../../src/base/assert.js';
import { open } from '../../src/index.js';

/** What it prints. */
export interface StreamCost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly delayMs: number;
  /** Of what came before it counted; absent: nothing did. */
  readonly coldDelayMs?: number;
  readonly peakMib: number;
}

const SELF = fileURLToPath(import.meta.url);
const CHUNK_BYTES = 1024;
const SENT_BYTES = 256 * 1024;
const IDLE_MS = 2000;
const WARM_BYTES = 512 * 1024 * 1024;
const REQUEST_BYTES = 1024 * 1024;

async function streamTo(kind: string, path: string): Promise<Writable> {
  if (kind === 'node') return createWriteStream(path);
  return (await open(path, 'w')).createWriteStream();
}

/** As a program writes that heeds backpressure. */
async function write(kind: string, path: string, bytes: number): Promise<void> {
  const stream = await streamTo(kind, path);
  started = begin();
  const chunk = Buffer.alloc(CHUNK_BYTES, 'diorite ');
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    if (!stream.write(chunk)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'close');
}

async function read(path: string, bytes: number, depth: number): Promise<void> {
  const options = { depth, bytesInFlight: depth * REQUEST_BYTES, requestBytes: REQUEST_BYTES };
  const readUpTo = async (end: number): Promise<void> => {
    const file = await open(path, 'r', options);
    started = begin();
    let got = 0;
    for await (const chunk of file.createReadStream({ end: end - 1 })) got += (chunk as Buffer).length;
    assert(got === end, 'all of it was read');
  };
  await readUpTo(Math.min(bytes, WARM_BYTES));
  coldDelayMs = end(started).delayMs;
  await readUpTo(bytes);
}

async function upload(kind: string, path: string, bytes: number): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  coldDelayMs = (await uploadOnce(server, kind, path, Math.min(bytes, WARM_BYTES))).delayMs;
  rmSync(path);
  taken = await uploadOnce(server, kind, path, bytes);
  server.close();
}

async function uploadOnce(server: Server, kind: string, path: string, bytes: number): Promise<StreamCost> {
  const { port } = server.address() as AddressInfo; // of TCP
  const sender = spawn(process.execPath, [SELF, 'send', String(port), String(bytes)], { stdio: 'inherit' });
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, Writable];
  const stream = await streamTo(kind, path);
  started = begin();
  await pipeline(request, stream);
  const cost = end(started);
  response.end();
  await exited(sender);
  return cost;
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit');
  assert(child.exitCode === 0, 'the sender has sent all');
}

async function send(port: number, bytes: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.resume();
  socket.write(`PUT / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`);
  const chunk = Buffer.alloc(SENT_BYTES, 'diorite ');
  for (let at = 0; at < bytes; at += SENT_BYTES) {
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  await once(socket, 'end');
  socket.destroy();
}

interface Begun {
  readonly at: number;
  readonly cpu: NodeJS.CpuUsage;
}

/** When the file is open: loading what opens it is no part of what is measured. */
function begin(): Begun {
  delays.reset();
  return { at: performance.now(), cpu: process.cpuUsage() };
}

function end({ at, cpu }: Begun): StreamCost {
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - at) / 1000,
    cpuSeconds: (user + system) / 1e6,
    delayMs: delays.percentile(99.9) / 1e6,
    peakMib: process.resourceUsage().maxRSS / 1024,
  };
}

const delays = monitorEventLoopDelay({ resolution: 1 });
const [mode = '', path = '', bytes = '0', depth = '0'] = process.argv.slice(2);
const [what, kind = ''] = mode.split('-');
delays.enable();
let started = begin();
let taken: StreamCost | null = null;
let coldDelayMs: number | undefined;
if (what === 'send') await send(Number(path), Number(bytes));
else if (what === 'write') await write(kind, path, Number(bytes));
else if (what === 'read') await read(path, Number(bytes), Number(depth));
else if (what === 'upload') await upload(kind, path, Number(bytes));
else if (what === 'idle') await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
else throw new RangeError(`no such mode: ${mode}`);
if (what !== 'send') console.log(JSON.stringify({ ...(taken ?? end(started)), coldDelayMs }));
