// Operations on a single object: looking it up, its attributes, where a link leads, COMMIT.
import type { FileHandle, NfsAttributes, NfsObject, NfsSetAttributes, NfsSpace } from '../protocol.js';
import type { XdrWriter } from '../xdr/writer.js';
import {
  type AttributeValues,
  LIMIT_ATTRIBUTES,
  SPACE_ATTRIBUTES,
  STAT_ATTRIBUTES,
  toAttributes,
  toSpace,
  writeSetAttributes,
} from './attributes.js';
import { type Bitmap, readBitmap } from './bitmap.js';
import { type CompoundReader, StatusError } from './compound.js';
import { LINK_BYTES_MAX, OP, STATUS } from './constants.js';
import type { Dispatcher } from './dispatcher.js';
import type { OpenFile } from './open-file.js';
import type { Operation } from './operation-call.js';
import type { Owners } from './owners.js';
import { quoted } from './quoted.js';
import { ANONYMOUS_STATEID } from './stateid.js';
import { getAttributes, getObject, lookUp, putHandle, readGetAttributes, readObject } from './wire.js';

export class Files {
  readonly owners: Owners;
  readonly #dispatcher: Dispatcher;

  constructor(dispatcher: Dispatcher, owners: Owners) {
    this.#dispatcher = dispatcher;
    this.owners = owners;
  }

  /** The root of the server's tree: exports hang below it under their pseudo paths (RFC 8881 §7.3). */
  root(): Promise<NfsObject> {
    return this.#dispatcher.ask({
      what: 'PUTROOTFH',
      operations: 3,
      encode(xdr) {
        xdr.u32(OP.PUTROOTFH);
        getObject(xdr);
      },
      decode: (reader) => readObject(reader.next(OP.PUTROOTFH), this.owners),
    });
  }

  lookup(directory: FileHandle, name: string): Promise<NfsObject> {
    return this.#dispatcher.ask(this.#lookup(directory, name));
  }

  /** Null: there is none of that name. */
  async find(directory: FileHandle, name: string): Promise<NfsObject | null> {
    const operation = this.#lookup(directory, name);
    try {
      return await this.#dispatcher.run(operation);
    } catch (error) {
      if (error instanceof StatusError && error.status === STATUS.NOENT) return null;
      throw this.#dispatcher.told(error, operation.what);
    }
  }

  #lookup(directory: FileHandle, name: string): Operation<NfsObject> {
    return {
      what: `LOOKUP ${quoted(name)}`,
      operations: 4,
      encode(xdr) {
        putHandle(xdr, directory);
        lookUp(xdr, name);
        getObject(xdr);
      },
      decode: (reader) => readObject(reader.next(OP.PUTFH).next(OP.LOOKUP), this.owners),
    };
  }

  async attributes(handle: FileHandle): Promise<NfsAttributes> {
    return toAttributes(await this.#getAttributes(handle, STAT_ATTRIBUTES, 'GETATTR'), this.owners);
  }

  async space(handle: FileHandle): Promise<NfsSpace> {
    return toSpace(await this.#getAttributes(handle, SPACE_ATTRIBUTES, 'GETATTR (space)'));
  }

  /** What the server takes at a time, and for how long it remembers its clients. */
  limits(handle: FileHandle): Promise<AttributeValues> {
    return this.#getAttributes(handle, LIMIT_ATTRIBUTES, 'GETATTR (limits)');
  }

  #getAttributes(handle: FileHandle, attributes: Bitmap, what: string): Promise<AttributeValues> {
    return this.#dispatcher.ask({
      what,
      operations: 2,
      encode(xdr) {
        putHandle(xdr, handle);
        getAttributes(xdr, attributes);
      },
      decode: (reader) => readGetAttributes(reader.next(OP.PUTFH)),
    });
  }

  /** Repeated after a lost answer: the same values twice are the same values. */
  setAttributes(handle: FileHandle, set: NfsSetAttributes, file: OpenFile | null = null): Promise<void> {
    // A file that is open for writing shows so, or its own share reservation could be in its way.
    const shown = file?.writes === true && set.size !== undefined ? file : null;
    return this.#dispatcher.ask({
      what: file === null ? 'SETATTR' : `SETATTR ${file.name}`,
      operations: 2,
      effect: OP.SETATTR,
      file: shown,
      encode(xdr) {
        putHandle(xdr, handle);
        xdr.u32(OP.SETATTR);
        xdr.fixed(shown?.stateid ?? ANONYMOUS_STATEID);
        writeSetAttributes(xdr, set);
      },
      decode(reader) {
        readBitmap(reader.next(OP.PUTFH).next(OP.SETATTR).xdr);
      },
    });
  }

  access(handle: FileHandle, asked: number): Promise<number> {
    return this.#dispatcher.ask({
      what: 'ACCESS',
      operations: 2,
      encode(xdr) {
        putHandle(xdr, handle);
        xdr.u32(OP.ACCESS);
        xdr.u32(asked);
      },
      decode(reader) {
        const { xdr } = reader.next(OP.PUTFH).next(OP.ACCESS);
        // What the server can tell at all, and what of it is so.
        const known = xdr.u32();
        return xdr.u32() & known & asked;
      },
    });
  }

  readLink(handle: FileHandle): Promise<string> {
    return this.#dispatcher.ask({
      what: 'READLINK',
      operations: 2,
      encode(xdr) {
        putHandle(xdr, handle);
        xdr.u32(OP.READLINK);
      },
      decode: (reader) => reader.next(OP.PUTFH).next(OP.READLINK).xdr.string(LINK_BYTES_MAX),
    });
  }

  /** The whole file; COMMIT shows no state (RFC 8881 §18.3). */
  commit(file: OpenFile): Promise<bigint> {
    return this.#dispatcher.ask({
      what: `COMMIT ${file.name}`,
      operations: 2,
      file,
      encode(xdr: XdrWriter) {
        putHandle(xdr, file.handle);
        xdr.u32(OP.COMMIT);
        xdr.u64(0);
        xdr.u32(0);
      },
      decode: (reader: CompoundReader) => reader.next(OP.PUTFH).next(OP.COMMIT).xdr.u64(),
    });
  }
}
