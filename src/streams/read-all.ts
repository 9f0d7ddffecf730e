// Reads all that follows the handle's own position: file.readFile().
import { constants } from 'node:buffer';
import { errors } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';
import { chunkMemory } from './chunk-memory.js';
import { onceTransfer, type StreamHost } from './host.js';

/** What is asked for at a time where the size says nothing: /proc, a pipe. */
const UNSIZED_BYTES = 64 * 1024;

/** In turn with the other calls that use the handle's own position, which it moves. */
export async function readAll(host: StreamHost, signal: AbortSignal | undefined): Promise<Buffer> {
  let all: Buffer = Buffer.alloc(0);
  await host.inTurn(async (position) => {
    const sized = await sizedBytes(host, position);
    all = sized > 0 ? await readSized(host, position, sized, signal) : await readUnsized(host, position, signal);
    return position + all.byteLength;
  });
  return all;
}

/** How much there is to read by the file's size; 0: that says nothing. */
async function sizedBytes({ target }: StreamHost, position: number): Promise<number> {
  if (!target.seekable) return 0;
  const bytes = Math.max(0, (await target.askBytes()) - position);
  mustFit(bytes, target.name);
  return bytes;
}

function mustFit(bytes: number, path: string): void {
  if (bytes <= constants.MAX_LENGTH) return;
  throw errors.outOfRange('size', `<= ${constants.MAX_LENGTH}, what one Buffer holds (${path})`, bytes);
}

async function readSized(
  host: StreamHost,
  position: number,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const memory = chunkMemory(bytes, position % PAGE_SIZE);
  const outcome = await onceTransfer(host, IovIter.ubuf(memory), position, 'read', { signal });
  return memory.subarray(0, outcome.bytes);
}

async function readUnsized(host: StreamHost, position: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const memory = chunkMemory(UNSIZED_BYTES, 0);
    const partial = !host.target.seekable;
    const outcome = await onceTransfer(host, IovIter.ubuf(memory), position + bytes, 'read', { signal, partial });
    if (outcome.bytes === 0) return Buffer.concat(chunks);
    chunks.push(memory.subarray(0, outcome.bytes));
    bytes += outcome.bytes;
    mustFit(bytes, host.target.name);
  }
}
