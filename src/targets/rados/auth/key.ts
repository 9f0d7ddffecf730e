// Keys of cephx: AES-128, and the envelope in which everything that is encrypted goes. No key is ever shown.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { errors } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { DencError } from '../denc/error.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';

/** CEPH_CRYPTO_AES in auth/Crypto.h. */
const TYPE_AES = 1;
/** Of Ceph 20.2.4 on. */
const TYPE_AES256K = 2;
const KEY_BYTES = 16;
/** CEPH_AES_IV in include/ceph_fs.h. */
const IV: Buffer = Buffer.from('cephsageyudagreg', 'latin1');
/** AUTH_ENC_MAGIC in auth/cephx/CephxProtocol.h. */
const MAGIC = 0xff009cad8826aa55n;
const ENVELOPE_VERSION = 1;

/** Private fields are shown by no inspection, and JSON has none of them. */
export class CephKey {
  readonly #secret: Buffer;

  private constructor(secret: Uint8Array) {
    this.#secret = Buffer.from(secret);
  }

  /** As keyrings have it, in base64. */
  static parse(text: string, where: string): CephKey {
    const bytes = Buffer.from(text, 'base64');
    try {
      const reader = new DencReader(bytes, 'a key');
      // Node's decoder steps over what is no base64.
      if (bytes.toString('base64') !== text) throw reader.error('it is no base64');
      const key = CephKey.read(reader);
      reader.end();
      return key;
    } catch (error) {
      if (!(error instanceof DencError)) throw error;
      // Without its text, and without the error's, which may tell of its bytes.
      throw errors.make('ERR_INVALID_ARG_VALUE', `The key in ${where} is no key of Ceph's`);
    }
  }

  /** type u16, created utime_t, length u16, secret. */
  static read(reader: DencReader): CephKey {
    const type = reader.u16();
    if (type === TYPE_AES256K)
      throw systemError(
        'ENOTSUP',
        'keys of type aes256k (Ceph 20.2.4 and later) are not supported: give the user one of type aes',
      );
    if (type !== TYPE_AES) throw reader.error(`a key has type ${type}`);
    reader.skip(8);
    const length = reader.u16();
    if (length !== KEY_BYTES) throw reader.error(`a key has ${length} bytes`);
    return new CephKey(reader.bytes(length));
  }

  /** For signatures. */
  get secret(): Uint8Array {
    return this.#secret;
  }

  /** What `write` writes, in its envelope, encrypted; without a length before it. */
  seal(write: (writer: DencWriter) => void): Buffer {
    const writer = new DencWriter();
    writer.u8(ENVELOPE_VERSION);
    writer.u64(MAGIC);
    write(writer);
    const cipher = createCipheriv('aes-128-cbc', this.#secret, IV);
    return Buffer.concat([cipher.update(writer.bytes), cipher.final()]);
  }

  /** What is in an envelope. Null: it was sealed with another key. */
  open(sealed: Uint8Array, what: string): DencReader | null {
    const decipher = createDecipheriv('aes-128-cbc', this.#secret, IV);
    let plain: Buffer;
    try {
      plain = Buffer.concat([decipher.update(sealed), decipher.final()]);
    } catch {
      // Its padding is none: what another key gives is noise.
      return null;
    }
    const reader = new DencReader(plain, what);
    if (reader.remaining < 9 || reader.u8() !== ENVELOPE_VERSION || reader.u64() !== MAGIC) return null;
    return reader;
  }
}
