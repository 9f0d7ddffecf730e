// What the children of lifetime.test.ts share.
import { hostPages } from '../../../src/memory/pages.js';
import { defaultPool } from '../../../src/memory/pool.js';

/** Prints the child's one JSON line, with what the library still holds. */
export function report(facts: Record<string, unknown>): void {
  console.log(JSON.stringify({ ...facts, leased: defaultPool().leased, held: hostPages().held }));
}

export const BLOCK_BYTES = 4096;

/** Ordinary memory of the caller's that starts on a page where the allocator allows it; every such view may be pinned. */
export function callerViews(count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(new ArrayBuffer(bytes)));
}
