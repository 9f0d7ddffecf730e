// What is done to a stream of an open file: the same on ours and on Node's, and what is seen of it.
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';

/** What both kinds of file have. */
export interface Streamed {
  createReadStream(options?: object): Readable;
  createWriteStream(options?: object): Writable;
  readLines(options?: object): AsyncIterable<string>;
  close(): Promise<void>;
  on(event: string, listener: () => void): unknown;
  read(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesRead: number }>;
  write(text: string, position?: number | null): Promise<{ bytesWritten: number }>;
}

export type Log = (...seen: unknown[]) => void;
export type Scenario = (file: Streamed, log: Log) => Promise<void>;

/** 10,000 bytes: what the file holds in the beginning. */
export const CONTENT: Buffer = Buffer.alloc(10_000, 'The quick brown fox.\n');

export function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return 'code' in error && error.code !== 'ABORT_ERR' ? error.code : error.name;
}

function watch(stream: Readable | Writable, log: Log): void {
  for (const event of ['finish', 'end', 'close', 'open', 'ready', 'drain']) stream.on(event, () => log(event));
  stream.on('error', (error) => log('error', codeOf(error)));
}

async function ended(stream: Readable | Writable): Promise<void> {
  if (!stream.closed) await once(stream, 'close').catch(() => {});
  // What comes after 'close' would be seen as well.
  await new Promise((resolve) => setTimeout(resolve, 5));
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return codeOf(error);
  }
}

function thrown(work: () => unknown): unknown {
  try {
    work();
    return 'nothing';
  } catch (error) {
    return codeOf(error);
  }
}

/** Node's file waits for ever for a stream that has ended and is not destroyed. */
async function release(stream: Readable | Writable): Promise<void> {
  stream.destroy();
  await ended(stream);
}

const state = (stream: Writable): unknown[] => [
  stream.writable,
  stream.writableEnded,
  stream.writableFinished,
  stream.destroyed,
  stream.closed,
  stream.writableLength,
];

export const WRITING: Readonly<Record<string, Scenario>> = {
  'end without data': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    log(state(stream));
    stream.end();
    await ended(stream);
    log(state(stream));
  },
  'a few chunks, strings and views, then the end with one more': async (file, log) => {
    const stream = file.createWriteStream({ start: 3 });
    watch(stream, log);
    stream.write('one');
    stream.write(Buffer.from('two'), () => log('taken'));
    stream.write(new Uint8Array([51, 52]));
    stream.write('c3a4', 'hex');
    stream.end('last', () => log('ended'));
    await ended(stream);
    log(state(stream));
  },
  'at the position of the handle': async (file, log) => {
    await file.write('before ');
    const stream = file.createWriteStream({ autoClose: false });
    watch(stream, log);
    stream.end('in the middle');
    await finished(stream);
    await file.write(' after');
    await release(stream);
  },
  'encoding of strings': async (file, log) => {
    const stream = file.createWriteStream({ encoding: 'base64', start: 0 });
    watch(stream, log);
    stream.write('aGFsbG8=');
    stream.end('AAEC');
    await ended(stream);
  },
  corked: async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    stream.cork();
    for (let i = 0; i < 10; i++) stream.write(`line ${i}\n`);
    stream.uncork();
    stream.end();
    await ended(stream);
  },
  'destroyed at once': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    stream.destroy();
    log(stream.destroyed);
    await ended(stream);
    log(await rejection(file.write('x')));
  },
  'destroyed with an error while it writes': async (file, log) => {
    const stream = file.createWriteStream({ highWaterMark: 1 });
    watch(stream, log);
    stream.write(Buffer.alloc(100_000, 'x'));
    stream.destroy(Object.assign(new Error('mine'), { code: 'MINE' }));
    await ended(stream);
    log(stream.errored?.message);
  },
  'written to after the end': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    stream.end('all');
    stream.write('more', (error) => log('callback', codeOf(error)));
    await ended(stream);
  },
  'written to after it was destroyed': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    stream.destroy();
    stream.write('more', (error) => log('callback', codeOf(error)));
    await ended(stream);
  },
  'chunks of a wrong kind': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    log(thrown(() => stream.write(null)));
    log(thrown(() => stream.write(5)));
    log(thrown(() => stream.write({})));
    log(thrown(() => stream.write('x', 'no encoding' as BufferEncoding)));
    stream.destroy();
    await ended(stream);
  },
  'aborted before': async (file, log) => {
    const stream = file.createWriteStream({ signal: AbortSignal.abort() });
    watch(stream, log);
    await ended(stream);
  },
  'aborted while it writes': async (file, log) => {
    const controller = new AbortController();
    const stream = file.createWriteStream({ signal: controller.signal });
    watch(stream, log);
    stream.write('some');
    controller.abort();
    await ended(stream);
  },
  'autoClose off: the file stays open': async (file, log) => {
    const stream = file.createWriteStream({ autoClose: false, start: 0 });
    watch(stream, log);
    stream.end('text');
    await finished(stream);
    log(state(stream));
    log((await file.write('on', 20)).bytesWritten);
    await release(stream);
  },
  'emitClose off': async (file, log) => {
    const stream = file.createWriteStream({ emitClose: false });
    watch(stream, log);
    stream.end('text');
    await once(file as never, 'close');
  },
  'close with a callback': async (file, log) => {
    const stream = file.createWriteStream() as Writable & { close(callback: () => void): void };
    watch(stream, log);
    stream.write('text');
    stream.close(() => log('closed'));
    await ended(stream);
    await new Promise<void>((resolve) => stream.close(resolve));
  },
  'the file is closed while the stream is open': async (file, log) => {
    const stream = file.createWriteStream({ start: 0 });
    watch(stream, log);
    stream.write('text');
    await file.close();
    await ended(stream);
  },
  flush: async (file, log) => {
    const stream = file.createWriteStream({ flush: true, start: 0 });
    watch(stream, log);
    stream.end('text');
    await ended(stream);
  },
  'pipeline, aborted in the middle': async (file, log) => {
    const controller = new AbortController();
    const stream = file.createWriteStream();
    watch(stream, log);
    async function* source(): AsyncGenerator<Buffer> {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort();
        yield Buffer.alloc(1000, 'x');
      }
    }
    log(await rejection(pipeline(source, stream, { signal: controller.signal })));
    await ended(stream);
    log(stream.destroyed);
  },
  'pipeline, whose source fails': async (file, log) => {
    const stream = file.createWriteStream();
    watch(stream, log);
    async function* source(): AsyncGenerator<string> {
      yield 'some';
      throw Object.assign(new Error('source'), { code: 'SOURCE' });
    }
    log(await rejection(pipeline(source, stream)));
    await ended(stream);
  },
};

async function collect(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** Of a stream that does not close the file: what comes after can be read from it. */
async function collectOpen(file: Streamed, options: object): Promise<string> {
  return collect(file.createReadStream({ ...options, autoClose: false }));
}

function range(start: number, end: number): Scenario {
  return async (file, log) => {
    const stream = file.createReadStream({ start, end });
    watch(stream, log);
    log(await collect(stream));
    await ended(stream);
  };
}

export const READING: Readonly<Record<string, Scenario>> = {
  'the first byte': range(0, 0),
  'bytes 1 to 99': range(1, 99),
  'across a page': range(4095, 4096),
  'the last byte': range(9999, 9999),
  'across the end': range(9998, 20_000),
  'from the end on': range(10_000, 10_001),
  'behind the end': range(20_000, 30_000),
  'all of it': async (file, log) => {
    const stream = file.createReadStream({ start: 0 });
    watch(stream, log);
    log(await collect(stream));
    await ended(stream);
    log((stream as Readable & { bytesRead: number }).bytesRead, stream.readableEnded);
  },
  'from the position of the handle on, which follows': async (file, log) => {
    const four = Buffer.alloc(4);
    await file.read(four, 0, 4, null);
    log(await collectOpen(file, { end: 9 }));
    await file.read(four, 0, 4, null);
    log(four.toString());
    log((await collectOpen(file, {})).length);
    const last = file.createReadStream();
    log(await collect(last));
    await ended(last);
  },
  encoding: async (file, log) => {
    const stream = file.createReadStream({ encoding: 'hex', end: 7, highWaterMark: 3 });
    log(await collect(stream));
    await ended(stream);
  },
  'small chunks': async (file, log) => {
    const sizes: number[] = [];
    for await (const chunk of file.createReadStream({ highWaterMark: 3000, start: 0 })) sizes.push(chunk.length);
    log(sizes);
  },
  'destroyed at once': async (file, log) => {
    const stream = file.createReadStream();
    watch(stream, log);
    stream.destroy();
    await ended(stream);
    log(await rejection(file.read(Buffer.alloc(1), 0, 1, 0)));
  },
  'destroyed with an error while it reads': async (file, log) => {
    const stream = file.createReadStream();
    watch(stream, log);
    stream.once('data', () => stream.destroy(Object.assign(new Error('mine'), { code: 'MINE' })));
    await ended(stream);
  },
  'left in the middle': async (file, log) => {
    const stream = file.createReadStream({ highWaterMark: 100 });
    watch(stream, log);
    for await (const chunk of stream) {
      log(chunk.length);
      break;
    }
    await ended(stream);
  },
  'aborted before': async (file, log) => {
    const stream = file.createReadStream({ signal: AbortSignal.abort() });
    watch(stream, log);
    await ended(stream);
  },
  'aborted while it reads': async (file, log) => {
    const controller = new AbortController();
    const stream = file.createReadStream({ signal: controller.signal, highWaterMark: 10 });
    watch(stream, log);
    stream.once('data', () => controller.abort());
    await ended(stream);
  },
  'autoClose off': async (file, log) => {
    const stream = file.createReadStream({ autoClose: false, start: 9990 });
    watch(stream, log);
    log(await collect(stream));
    log(stream.destroyed, (await file.read(Buffer.alloc(4), 0, 4, 0)).bytesRead);
    await release(stream);
  },
  'the file is closed while the stream is open': async (file, log) => {
    const stream = file.createReadStream({ highWaterMark: 10 });
    watch(stream, log);
    await once(stream, 'readable');
    await file.close();
    await ended(stream);
  },
  lines: async (file, log) => {
    const lines: string[] = [];
    for await (const line of file.readLines({ start: 0 })) lines.push(line);
    log(lines.length, lines[0], lines.at(-1));
  },
};
