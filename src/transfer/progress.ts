// What a caller's own callback is told of progress, and what becomes of what it throws.

/** It surfaces as an uncaught exception: it must hold up nothing that has landed, nor what is still to be released. */
export function tellProgress(onProgress: ((doneBytes: number) => void) | undefined, doneBytes: number): void {
  if (onProgress === undefined) return;
  try {
    onProgress(doneBytes);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
