// READDIRPLUS, and READDIR where a server lacks it: a part of a directory at a time, its names checked.
import type { FileHandle, NfsAttributes, NfsEntries, NfsEntry } from '../protocol.js';
import { STATUS } from '../status.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { Answer, Asker } from './asker.js';
import { readOptionalAttributes, readOptionalHandle, skipOptionalAttributes } from './attributes.js';
import { NAME_BYTES_MAX, PROCEDURE } from './constants.js';

/** One entry with the longest name that file systems have must fit. */
const BYTES_MIN = 1024;
/** Some 1,500 names with their attributes: what is decoded within a millisecond or two. */
const BYTES_MAX = 256 * 1024;

/** A position: both 0 at the start. */
interface Position {
  readonly cookie: bigint;
  readonly verifier: bigint;
}

export class Directories {
  readonly #asker: Asker;
  /** Once a server has said that it lacks READDIRPLUS, it is not asked again. */
  #plus = true;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  async read(directory: FileHandle, cookie: bigint, verifier: bigint, asked: number): Promise<NfsEntries> {
    const position: Position = { cookie, verifier };
    let bytes = Math.min(Math.max(asked, BYTES_MIN), BYTES_MAX);
    for (;;) {
      const plus = this.#plus;
      const answer = await (plus
        ? this.#readPlus(directory, position, bytes)
        : this.#readPlain(directory, position, bytes));
      if (answer.ok) return answer.results;
      if (answer.status === STATUS.TOOSMALL && bytes < BYTES_MAX) bytes = Math.min(bytes * 2, BYTES_MAX);
      else if (answer.status === STATUS.NOTSUPP && plus) this.#plus = false;
      else throw this.#asker.error(answer.status, plus ? 'READDIRPLUS' : 'READDIR');
    }
  }

  #readPlus(directory: FileHandle, position: Position, bytes: number): Promise<Answer<NfsEntries>> {
    return this.#asker.put({
      procedure: PROCEDURE.READDIRPLUS,
      what: 'READDIRPLUS',
      encode(xdr) {
        xdr.opaque(directory);
        xdr.u64(position.cookie);
        xdr.u64(position.verifier);
        // dircount, of names and cookies alone, and maxcount, of all: the second is what bounds.
        xdr.u32(bytes);
        xdr.u32(bytes);
      },
      decode: (xdr) => readEntries(xdr, position, readAlong),
    });
  }

  #readPlain(directory: FileHandle, position: Position, bytes: number): Promise<Answer<NfsEntries>> {
    return this.#asker.put({
      procedure: PROCEDURE.READDIR,
      what: 'READDIR',
      encode(xdr) {
        xdr.opaque(directory);
        xdr.u64(position.cookie);
        xdr.u64(position.verifier);
        xdr.u32(bytes);
      },
      decode: (xdr) => readEntries(xdr, position, () => null),
    });
  }
}

/** What READDIRPLUS gives along with a name: attributes, and a handle that is not kept. */
function readAlong(xdr: XdrReader): NfsAttributes | null {
  const attributes = readOptionalAttributes(xdr);
  readOptionalHandle(xdr);
  return attributes;
}

/** Each entry takes 24 bytes at least of a record that is bounded: so is what is allocated. */
function readEntries(
  xdr: XdrReader,
  position: Position,
  readMore: (xdr: XdrReader) => NfsAttributes | null,
): NfsEntries {
  skipOptionalAttributes(xdr);
  const verifier = xdr.u64();
  const entries: NfsEntry[] = [];
  let { cookie } = position;
  while (xdr.bool()) {
    const fileId = xdr.u64();
    const name = xdr.string(NAME_BYTES_MAX);
    cookie = xdr.u64();
    const attributes = readMore(xdr);
    checkName(name);
    if (name !== '.' && name !== '..') entries.push({ name, fileId, attributes });
  }
  const end = xdr.bool();
  // Asked from there again it would give the same part again, for ever.
  if (!end && cookie === position.cookie) throw new XdrError('a part of a directory leads nowhere');
  return { entries, cookie, verifier, end };
}

/** A name with a slash would lead a caller who joins paths out of the directory. */
function checkName(name: string): void {
  if (name === '' || name.includes('/') || name.includes('\0'))
    throw new XdrError(`a directory has an entry named ${JSON.stringify(name)}`);
}
