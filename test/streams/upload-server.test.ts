// examples/upload-server: uploads and downloads with ranges, connections that are lost, and how much memory that takes.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cachedPages, tempDirectory } from '../support/temp.js';
import { MIB, randomBytes } from './support.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/upload-server.js', import.meta.url));
/** What is in flight, what the socket gave and nobody has collected yet: not what was sent. */
const UPLOAD_KIB_MAX = 150_000;
const DOWNLOAD_BYTES: number = 1024 * MIB;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

describe('upload-server', () => {
  let server: ChildProcess;
  let port = 0;
  const directory = tempDirectory({ after });
  let output = '';

  before(async () => {
    server = spawn(process.execPath, [EXAMPLE, directory, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    while (!output.includes('\n')) await once(server.stdout as NodeJS.ReadableStream, 'data');
    port = Number(/listening on (\d+)/.exec(output)?.[1]);
  });

  after(async () => {
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    assert.equal(code, 0, 'it ends by itself when it is asked to');
  });

  function start(method: string, path: string, headers: Record<string, string> = {}): ClientRequest {
    return httpRequest({ port, method, path, headers, agent: false });
  }

  async function answerOf(request: ClientRequest): Promise<Answer> {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
  }

  async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    const request = start(method, path, headers);
    request.end();
    return answerOf(request);
  }

  async function put(path: string, body: Buffer): Promise<Answer> {
    const request = start('PUT', path);
    request.end(body);
    return answerOf(request);
  }

  it('what was uploaded is there, durable and past the page cache, and comes back', async () => {
    const body = randomBytes(9 * MIB + 4321);
    const { status, body: said } = await put('/file.bin', body);
    assert.equal(status, 201);
    assert.equal(said.toString(), `${body.length} bytes\n`);
    assert.equal(Buffer.compare(readFileSync(join(directory, 'file.bin')), body), 0);
    const { status: found, headers, body: back } = await get('/file.bin');
    assert.equal(found, 200);
    assert.equal(headers['content-length'], String(body.length));
    assert.equal(Buffer.compare(back, body), 0);
  });

  it('ranges', async () => {
    const body = randomBytes(3 * MIB + 10);
    await put('/ranges', body);
    const { length } = body;
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=100-4999', 100, 5000],
      ['bytes=1000000-2999999', 1_000_000, 3_000_000],
      [`bytes=${length - 1}-`, length - 1, length],
      ['bytes=-5', length - 5, length],
      ['bytes=5-99999999', 5, length],
    ] as const) {
      const { status, headers, body: part } = await get('/ranges', { range });
      assert.equal(status, 206, range);
      assert.equal(headers['content-range'], `bytes ${from}-${to - 1}/${length}`);
      assert.equal(Buffer.compare(part, body.subarray(from, to)), 0, range);
    }
    const { status, headers } = await get('/ranges', { range: `bytes=${length}-` });
    assert.equal(status, 416);
    assert.equal(headers['content-range'], `bytes */${length}`);
  });

  it('an empty file, a head, what is not there, what is not allowed', async () => {
    assert.equal((await put('/empty', Buffer.alloc(0))).status, 201);
    assert.equal((await get('/empty')).body.length, 0);
    assert.equal((await get('/empty', {}, 'HEAD')).headers['content-length'], '0');
    assert.equal((await get('/none')).status, 404);
    assert.equal((await get('/../etc')).status, 404);
    assert.equal((await get('/empty', {}, 'DELETE')).status, 405);
  });

  it('a connection that is lost in the middle of an upload leaves nothing', async () => {
    const socket = connect(port);
    socket.write('PUT /lost HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
    socket.write(randomBytes(2 * MIB));
    while (!readdirSync(directory).some((name) => name.startsWith('lost.')))
      await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    while (readdirSync(directory).some((name) => name.startsWith('lost.')))
      await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!existsSync(join(directory, 'lost')));
  });

  it('a client that goes away in the middle of a download does no harm', async () => {
    await put('/big', randomBytes(30 * MIB));
    const request = start('GET', '/big');
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'data');
    response.destroy();
    assert.equal((await get('/big', { range: 'bytes=0-9' })).body.length, 10);
  });

  function peakKib(): number {
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
  }

  it('memory is bounded, whatever is sent, and the page cache is left alone', async () => {
    const before = peakKib();
    const request = start('PUT', '/large');
    const chunk = randomBytes(MIB);
    for (let i = 0; i < 512; i++) if (!request.write(chunk)) await once(request, 'drain');
    request.end();
    assert.equal((await answerOf(request)).status, 201);
    assert.equal(cachedPages(join(directory, 'large')), 0);
    const more = peakKib() - before;
    assert.ok(more < UPLOAD_KIB_MAX, `${more} KiB more`);
  });

  it('a download takes what its client has not read, and what waits for the garbage collector', async () => {
    truncateSync(join(directory, 'large'), DOWNLOAD_BYTES);
    const request = start('GET', '/large');
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const part of response) bytes += (part as Buffer).length;
    assert.equal(bytes, DOWNLOAD_BYTES);
    assert.ok(peakKib() < DOWNLOAD_BYTES / 1024 / 2, `${peakKib()} KiB`);
  });
});
