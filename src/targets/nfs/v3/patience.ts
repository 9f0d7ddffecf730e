// How long to wait before a server that said JUKEBOX is asked again, and for how long altogether.

/** Doubling from the first to the last. RFC 1813 says nothing of it; the Linux client waits 5 s each time. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 15_000;

/** Before attempt `attempt` + 1, the first being 0, of a call that began at `startedMs`; null: its time is up. */
export function pauseMs(attempt: number, startedMs: number, nowMs: number, timeoutMs: number): number | null {
  const leftMs = startedMs + timeoutMs - nowMs;
  if (leftMs <= 0) return null;
  return Math.min(FIRST_PAUSE_MS * 2 ** attempt, LAST_PAUSE_MS, leftMs);
}
