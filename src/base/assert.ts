// Assertions: invariants of our own that no input may break. Bad input is refused with an error instead.

/** Thrown when an invariant of the library itself does not hold: a bug in diorite, never the caller's fault. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
  readonly code = 'ERR_DIORITE_ASSERTION';
}

export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailure(`diorite: broken invariant: ${what}`);
}
