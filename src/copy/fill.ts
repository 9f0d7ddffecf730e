// How a source that does not know its size is read: until the memory is full, or until what came has waited long enough.
import { DioriteError } from '../base/errors.js';
import type { Reader } from './pump.js';

/** Files of /proc/sys refuse reads of 4 MiB and more (ENOMEM), since they make room for all of it. */
const UNSIZED_READ_BYTES = 128 * 1024;
/** What a slow producer gave goes on after so long, though it fill no request. */
const GATHER_MS = 100;

/** Pseudo files answer with less than was asked long before they end: only 0 is the end. */
export async function fillPiecewise(reader: Reader, view: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < view.length) {
    const piece = view.subarray(filled, filled + UNSIZED_READ_BYTES);
    const got = await reader.read(piece, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

/** A read that waits can be taken back, and tells of the bytes that came before: nothing of a stream is lost. */
export type StreamRead = (signal: AbortSignal, onProgress: () => void) => Promise<number>;

/** From a stream to a stream: waits for the first byte as long as it takes, and for more than that only so long. */
export async function gather(read: StreamRead): Promise<number> {
  const enough = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  const onProgress = (): void => {
    timer ??= setTimeout(() => enough.abort(), GATHER_MS);
  };
  try {
    return await read(enough.signal, onProgress);
  } catch (error) {
    // Not the copy's own abort: of that, `enough` knows nothing.
    if (enough.signal.aborted && error instanceof DioriteError && error.code === 'ABORT_ERR' && (error.bytes ?? 0) > 0)
      return error.bytes ?? 0;
    throw error;
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
