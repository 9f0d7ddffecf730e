// One listener per signal, however many transfers it aborts: more than ten would have Node warn of a leak.

interface Entry {
  callback: () => void;
  before: Entry;
  behind: Entry;
}

const nothing = (): void => {};

/**
 * The callbacks of each signal, as a ring about an anchor that has none. No Set: one that grows and shrinks leaves its old
 * tables behind, each with a reference to the next, and what an old one refers to, young collections keep: the memory of
 * every transfer then waits for a full one.
 */
const listening = new WeakMap<AbortSignal, Entry>();

/** Calls back once when the signal aborts (it has not yet). The returned function takes that back. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const anchor = listening.get(signal) ?? listen(signal);
  const entry: Entry = { callback, before: anchor.before, behind: anchor };
  anchor.before.behind = entry;
  anchor.before = entry;
  return () => remove(entry);
}

/** What was removed refers to nobody: see above. */
function remove(entry: Entry): void {
  entry.before.behind = entry.behind;
  entry.behind.before = entry.before;
  alone(entry);
}

function alone(entry: Entry): void {
  entry.callback = nothing;
  entry.before = entry;
  entry.behind = entry;
}

function listen(signal: AbortSignal): Entry {
  const anchor = { callback: nothing } as Entry; // the rest of it is itself
  alone(anchor);
  listening.set(signal, anchor);
  const abortAll = (): void => {
    while (anchor.behind !== anchor) {
      const { behind: first } = anchor;
      const { callback } = first;
      remove(first);
      callback();
    }
  };
  signal.addEventListener('abort', abortAll, { once: true });
  return anchor;
}
