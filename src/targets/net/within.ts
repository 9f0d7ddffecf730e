// Waiting for what is a courtesy, or is to clear up: not for ever, and whatever comes of it.

/** How long a server is waited for that is only told goodbye, or is to remove what nobody wants. */
export const COURTESY_MS = 2_000;

/** Resolves when the work is settled in either way, and in this time at the latest: it goes on by itself then. */
export async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, late]);
  clearTimeout(timer);
}
