// One listener per signal, however many transfers it aborts: more than ten would have Node warn of a leak.

const listening = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back once when the signal aborts (it has not yet). The returned function takes that back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = listening.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  listening.set(signal, callbacks);
  const abortAll = (): void => {
    for (const callback of callbacks) callback();
    callbacks.clear();
  };
  signal.addEventListener('abort', abortAll, { once: true });
  return callbacks;
}
