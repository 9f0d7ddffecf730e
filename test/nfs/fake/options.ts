// What the fake server is like.
import type { NfsLimits, NfsOffers } from '../../../src/targets/nfs/protocol.js';

export interface FakeOptions {
  readonly version?: '3' | '4.1' | '4.2';
  readonly limits?: Partial<NfsLimits>;
  readonly offers?: Partial<NfsOffers>;
  /** Reads and writes at a time. Default 16. */
  readonly slots?: number;
  /** In which order answers come: which of so many is next (a seeded choice). Default: as they were asked. */
  readonly pick?: (below: number) => number;
  /** Every change is refused with EROFS. */
  readonly readOnly?: boolean;
  /** Entries of directories come without attributes, as READDIR gives them. */
  readonly plainEntries?: boolean;
  /** A cookie holds only as long as nothing in the directory changes: else BAD_COOKIE or NOT_SAME. */
  readonly strictCookies?: boolean;
}

export const FAKE_LIMITS: NfsLimits = {
  readBytesMax: 1024 * 1024,
  writeBytesMax: 1024 * 1024,
  readBytesBest: 1024 * 1024,
  writeBytesBest: 1024 * 1024,
  fileBytesMax: 2n ** 63n - 1n,
};
