// Uploads and downloads with direct I/O and bounded memory: node dist/examples/upload-server.js [DIRECTORY [PORT]]
//
//      curl -T disk.img http://localhost:8080/disk.img
//      curl -r 1000-1999 http://localhost:8080/disk.img
import { rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { open } from 'diorite';

const [directory = tmpdir(), port = '8080'] = process.argv.slice(2);
let uploads = 0;

/** Under a name of its own until all of it is there and durable: a lost connection leaves nothing. */
async function upload(request: IncomingMessage, path: string): Promise<number> {
  const part = `${path}.${process.pid}-${uploads++}.part`;
  try {
    const file = await open(part, 'wx');
    const stream = file.createWriteStream({ flush: true });
    await pipeline(request, stream);
    await rename(part, path);
    return stream.bytesWritten;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** `bytes=5-9`, `bytes=5-`, `bytes=-5`. Undefined: all of it is asked for; null: none of it is there. */
function rangeOf(header: string | undefined, size: number): Range | null | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start <= end ? { start, end } : null;
}

async function download(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  const range = rangeOf(request.headers.range, size);
  if (range === null) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const headers = { 'accept-ranges': 'bytes', 'content-length': end - start + 1 };
  if (range === undefined) response.writeHead(200, headers);
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end}/${size}` });
  if (request.method === 'HEAD' || size === 0) response.end();
  else await pipeline(file.createReadStream({ start, end }), response);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name] = /^\/([\w-][\w.-]*)$/.exec(request.url ?? '') ?? [];
  if (name === undefined) response.writeHead(404).end();
  else if (request.method === 'GET' || request.method === 'HEAD')
    await download(request, response, join(directory, name));
  else if (request.method === 'PUT')
    response.writeHead(201).end(`${await upload(request, join(directory, name))} bytes\n`);
  else response.writeHead(405, { allow: 'GET, HEAD, PUT' }).end();
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: NodeJS.ErrnoException) => {
    console.log(`${request.method} ${request.url}: ${error.code ?? error.message}`);
    if (response.headersSent) response.destroy();
    else response.writeHead(error.code === 'ENOENT' ? 404 : 500).end();
  });
});
server.listen(Number(port), () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
process.once('SIGTERM', () => server.close());
