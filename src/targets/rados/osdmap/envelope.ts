// What an OSD map and its changes have in common: an envelope around all, and one around the part that is meant for clients.
import { DencReader } from '../denc/reader.js';

/** A map of ten thousand OSDs is about 10 MiB. */
const BYTES_MAX: number = 128 * 2 ** 20;
/** Around the parts for clients and for OSDs. */
const OUTER_COMPAT_MAX = 8;

export interface Envelope {
  /** For errors. */
  readonly name: string;
  /** Of the clients' part: the newest encoding that is understood. */
  readonly compatMax: number;
  /** The oldest one, and the release that brought it. */
  readonly versionMin: number;
  readonly versionMinRelease: string;
}

export function decodeClientPart<T>(
  bytes: Uint8Array,
  { name, compatMax, versionMin, versionMinRelease }: Envelope,
  read: (reader: DencReader, version: number) => T,
): T {
  const reader = new DencReader(bytes, name);
  if (bytes.length > BYTES_MAX) throw reader.error(`${bytes.length} bytes`);
  reader.enter('all of it', OUTER_COMPAT_MAX);
  const version = reader.enter("the clients' part", compatMax);
  if (version < versionMin) throw reader.error(`its version is ${version}: a cluster from before ${versionMinRelease}`);
  const decoded = read(reader, version);
  reader.leave();
  reader.leave();
  return decoded;
}
