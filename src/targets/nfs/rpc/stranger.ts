// Who listens at a port need be no server of ours: known by connections that end without an answer, one after the other.
import type { DioriteError } from '../../../base/errors.js';
import { XdrError } from '../xdr/reader.js';
import { systemError } from './rejections.js';

/** After 0, 100 and 200 ms another try: a server that is just starting may end the first. */
const CONNECTIONS_MAX = 4;

/** Of what it says, as much as an error repeats. */
const SAID_BYTES_MAX = 64;
/** A mark of a record may happen to be text. */
const SAID_BYTES_MIN = 5;

/** An alert of TLS 1.0 to 1.3: RFC 8446 §5.1. */
const TLS_ALERT: readonly number[] = [21, 3];

export class Stranger {
  readonly #server: string;
  readonly #patient: boolean;
  #isKnown = false;
  #ends = 0;

  /** `patient`: one that only ends its connections is waited for. */
  constructor(server: string, patient: boolean) {
    this.#server = server;
    this.#patient = patient;
  }

  /** It speaks our language, and is trusted from now on. */
  answered(): void {
    this.#isKnown = true;
  }

  /** A connection that calls wait for has ended. Why no other is made; null: it is. */
  ended(error: DioriteError): DioriteError | null {
    const hasSpoken = error.code === 'EPROTO' || error.cause instanceof XdrError;
    if (this.#isKnown || (this.#patient && !hasSpoken) || ++this.#ends < CONNECTIONS_MAX) return null;
    this.#ends = 0;
    if (hasSpoken) return error;
    const told = `${this.#server} ended ${CONNECTIONS_MAX} connections without an answer: is it an NFS server?`;
    return systemError('ECONNRESET', told, error);
  }
}

/** What the first bytes of a connection are, where they are no record: text, or TLS. Null: nobody knows. */
export function foreign(server: string, bytes: Uint8Array): DioriteError | null {
  if (TLS_ALERT.every((byte, i) => bytes[i] === byte))
    return systemError('EPROTO', `${server} is no NFS server: it speaks TLS`);
  const [line = ''] = Buffer.from(bytes.subarray(0, SAID_BYTES_MAX))
    .toString('latin1')
    .split(/[\r\n]/, 1);
  if (line.length < SAID_BYTES_MIN || !/^[ -~]*$/.test(line)) return null;
  return systemError('EPROTO', `${server} is no NFS server: it says ${JSON.stringify(line)}`);
}
