// Secure mode: AES-128-GCM over the parts of frames, each under the next nonce of its direction.
import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto';
import { DencError } from '../denc/error.js';
import { AUTH_TAG_BYTES } from './frame.js';

const ALGORITHM = 'aes-128-gcm';
const KEY_BYTES = 16;
const NONCE_BYTES = 12;
/** A nonce is a fixed word and a counter of 64 bits. */
const COUNTER_AT = 4;
/** Key, then the nonces of what the client receives and sends. */
export const CONNECTION_SECRET_BYTES: number = KEY_BYTES + 2 * NONCE_BYTES;

/** One direction of a connection. */
export class SecureStream {
  readonly #key: Buffer;
  readonly #nonce: Buffer;

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = Buffer.from(key);
    this.#nonce = Buffer.from(nonce);
  }

  seal(): CipherGCM {
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonce, { authTagLength: AUTH_TAG_BYTES });
    this.#step();
    return cipher;
  }

  open(): DecipherGCM {
    const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonce, { authTagLength: AUTH_TAG_BYTES });
    this.#step();
    return decipher;
  }

  #step(): void {
    const counter = this.#nonce.readBigUInt64LE(COUNTER_AT);
    this.#nonce.writeBigUInt64LE(BigInt.asUintN(64, counter + 1n), COUNTER_AT);
  }
}

export interface SecureStreams {
  readonly receive: SecureStream;
  readonly send: SecureStream;
}

/** Of the secret that AUTH_DONE brought. */
export function secureStreams(secret: Uint8Array): SecureStreams {
  if (secret.length < CONNECTION_SECRET_BYTES)
    throw new DencError("AUTH_DONE's connection secret", `it has ${secret.length} bytes`);
  const key = secret.subarray(0, KEY_BYTES);
  const nonce = (at: number): Uint8Array => secret.subarray(at, at + NONCE_BYTES);
  return {
    receive: new SecureStream(key, nonce(KEY_BYTES)),
    send: new SecureStream(key, nonce(KEY_BYTES + NONCE_BYTES)),
  };
}

/** All of what was sealed is there: throws EBADMSG where it is not what was sealed. */
export function finishOpening(decipher: DecipherGCM, tag: Uint8Array): void {
  try {
    decipher.setAuthTag(tag);
    decipher.final();
  } catch {
    throw new DencError('a sealed frame', 'its authentication tag is another');
  }
}
