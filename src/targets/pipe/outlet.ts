// Out of a cell and into a stream that takes pages, as it takes them.
import { errors } from '../../base/errors.js';
import { EAGAIN, EINVAL, errnoError } from '../../transfer/errno.js';
import { Attempts } from './attempts.js';
import { type Cell, nameOf } from './cell.js';
import type { PipeTarget } from './pipe-target.js';
import { isRefusal, spliceSome } from './steps.js';

/**
 * Lets the first `bytes` of the cell out, in order, and waits where the sink is full; `moved` is told of each step. Null:
 * all went; or why it is refused: the rest is still in the cell.
 */
export async function letOut(
  cell: Cell,
  bytes: number,
  sink: PipeTarget,
  signal: AbortSignal | undefined,
  moved: (bytes: number) => void,
): Promise<string | null> {
  const attempts = new Attempts();
  let ready = false;
  for (let left = bytes; left > 0; ) {
    if (signal?.aborted) throw errors.aborted(signal.reason);
    const result = await spliceSome(sink.engine, cell.readFd, sink.fd, left);
    if (result > 0) {
      left -= result;
      cell.bytes -= result;
      attempts.moved();
      ready = false;
      moved(result);
    } else if (result === 0) {
      if (!attempts.empty()) throw sink.stuck('write');
    } else if (result === EAGAIN) {
      const pauseMs = ready ? attempts.beaten() : 0;
      if (pauseMs < 0) throw sink.stuck('write');
      await sink.untilReady('write', signal, pauseMs);
      ready = true;
    } else if (result === EINVAL || isRefusal(result)) return `splice is refused: ${nameOf(result)}`;
    else throw errnoError(result, 'write', sink.name);
  }
  return null;
}
