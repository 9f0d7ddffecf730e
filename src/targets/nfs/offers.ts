// What a server offers beyond reading and writing, found out without changing anything.
import { DioriteError } from '../../base/errors.js';
import type { NfsTarget } from './nfs-target.js';
import type { NfsOffers, NfsProtocol } from './protocol.js';

const NAMES = ['seek', 'allocate', 'deallocate', 'copy', 'clone'] as const;

/** Nobody answered: that says nothing of what is offered. */
const UNANSWERED: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Null: nobody knows before it is asked for. */
export type Offered = Readonly<Record<keyof NfsOffers, boolean | null>>;

/** As far as it is known without asking: a version that lacks them all says so. */
export function knownOffers({ offers }: NfsProtocol): Offered {
  const known: Record<keyof NfsOffers, boolean | null> = { ...offers };
  for (const name of NAMES) if (offers[name]) known[name] = null;
  return known;
}

/**
 * Each operation is asked for once. The file is open for reading only, so a server that has an operation that changes
 * files refuses it, and says so otherwise than one that lacks it (RFC 7862 §15). Were it carried out all the same,
 * nothing would change: one byte of the file is copied to where it is, reserved where it is, given back behind the end.
 * An empty file has no such byte.
 */
export async function askOffers(target: NfsTarget): Promise<Offered> {
  const { protocol, file } = target.remote;
  const end = await target.askBytes();
  await settle(() => protocol.seek(file, 0, 'data'));
  if (end === 0) return { ...knownOffers(protocol), seek: protocol.offers.seek };
  await settle(() => protocol.allocate(file, 0, 1));
  await settle(() => protocol.deallocate(file, end, 1));
  await settle(() => protocol.copy(file, 0, file, 0, 1));
  await settle(() => protocol.clone(file, 0, file, 0, 1));
  return { ...protocol.offers };
}

/** What an answer says of the operation, the protocol remembers. */
async function settle(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof DioriteError) || UNANSWERED.has(error.code)) throw error;
  }
}
