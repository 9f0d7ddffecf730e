// Waits for a signal, which may have been aborted already.
import { once } from 'node:events';

export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
