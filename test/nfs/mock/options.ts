// What the mock server is like.
import type { NfsVersion } from '../ganesha-config.js';

/** NFSv4.2's operations that a server may lack: they are answered NOTSUPP then. */
export interface Offers {
  readonly seek: boolean;
  readonly allocate: boolean;
  readonly deallocate: boolean;
  readonly copy: boolean;
  readonly clone: boolean;
}

export interface MockOptions {
  /** Protocol versions that it speaks; default: all. */
  readonly versions?: readonly NfsVersion[];
  /** Directories that v3 can mount; v4 finds them below its root. Default: `/export`. */
  readonly exports?: readonly string[];
  readonly readBytesMax?: number;
  readonly writeBytesMax?: number;
  readonly fileBytesMax?: bigint;
  readonly capacityBytes?: number;
  readonly readOnly?: boolean;
  /** v3: replies come without any attributes and handles that they may lack. */
  readonly sparseReplies?: boolean;
  /** A directory's cookies hold only as long as nothing in it changes: else BAD_COOKIE. */
  readonly strictCookies?: boolean;
  /** The most entries in one answer, whatever was asked for. */
  readonly entriesMax?: number;
  /**
   * v3: who remembers the answer to a call that must not be carried out twice. `none`, the default: nobody.
   * `connection`: as nfs-ganesha, which knows it no more on another one. `server`: as Linux.
   */
  readonly duplicates?: 'none' | 'connection' | 'server';
  readonly offers?: Partial<Offers>;
  /** Of a v4.1 session. */
  readonly slots?: number;
  readonly operationsMax?: number;
  readonly requestBytesMax?: number;
  readonly responseBytesMax?: number;
  readonly cachedBytesMax?: number;
  readonly leaseSeconds?: number;
  /** A client that was silent for longer than the lease loses its state. */
  readonly leaseExpires?: boolean;
  /** Replies are cut into fragments of so many bytes. */
  readonly fragmentBytes?: number;
  /** Replies are written to the socket so many bytes at a time. */
  readonly chunkBytes?: number;
  /** Replies to what came in at once leave in an order drawn from this seed. */
  readonly shuffleSeed?: number;
  /** What clients do against the rules is only noted: by default the test fails. */
  readonly tolerant?: boolean;
}

export type MockSettings = Required<Omit<MockOptions, 'shuffleSeed' | 'offers'>> & {
  readonly shuffleSeed: number | null;
  readonly offers: Offers;
};

const MIB = 1024 * 1024;
const ALL_OFFERS: Offers = { seek: true, allocate: true, deallocate: true, copy: true, clone: true };

export function mockSettings(options: MockOptions): MockSettings {
  return {
    versions: ['3', '4.1', '4.2'],
    exports: ['/export'],
    readBytesMax: MIB,
    writeBytesMax: MIB,
    fileBytesMax: 2n ** 53n - 1n,
    capacityBytes: Number.POSITIVE_INFINITY,
    readOnly: false,
    sparseReplies: false,
    strictCookies: false,
    entriesMax: Number.POSITIVE_INFINITY,
    duplicates: 'none',
    slots: 16,
    operationsMax: 16,
    requestBytesMax: MIB + 4096,
    responseBytesMax: MIB + 4096,
    cachedBytesMax: 4096,
    leaseSeconds: 60,
    leaseExpires: false,
    fragmentBytes: Number.POSITIVE_INFINITY,
    chunkBytes: Number.POSITIVE_INFINITY,
    tolerant: false,
    ...options,
    shuffleSeed: options.shuffleSeed ?? null,
    offers: { ...ALL_OFFERS, ...options.offers },
  };
}
