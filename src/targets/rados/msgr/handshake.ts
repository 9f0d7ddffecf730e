// The client's side of a handshake: banner, HELLO, authentication, signatures, identities; after it, messages may go.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import {
  ADDRESS_ANY,
  type EntityAddress,
  readAddress,
  readAddresses,
  writeAddress,
  writeAddresses,
} from '../denc/entity-address.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { daemonError } from '../errno.js';
import type { Authenticator } from './authenticator.js';
import {
  BANNER,
  BANNER_PAYLOAD_BYTES,
  FEATURE_REVISION_1,
  MODE_SECURE,
  TAG_AUTH_BAD_METHOD,
  TAG_AUTH_DONE,
  TAG_AUTH_REPLY_MORE,
  TAG_AUTH_REQUEST,
  TAG_AUTH_REQUEST_MORE,
  TAG_AUTH_SIGNATURE,
  TAG_CLIENT_IDENT,
  TAG_HELLO,
  TAG_IDENT_MISSING_FEATURES,
  TAG_SERVER_IDENT,
  TAG_WAIT,
} from './frame.js';
import { type SecureStreams, secureStreams } from './secure.js';

/** CEPH_ENTITY_TYPE_* in include/msgr.h. */
export const ENTITY_MON = 1;
export const ENTITY_OSD = 4;
export const ENTITY_CLIENT = 8;
export const ENTITY_AUTH = 32;

/** What a client of Ceph 16 says it knows: servers choose the encoding of their maps and messages by it. */
const FEATURES = 0x3f01cfb9fffdffffn;
/** CEPH_MSG_CONNECT_LOSSY: what breaks is not resumed, requests are sent again by their owner. */
const FLAG_LOSSY = 1n;
const SIGNATURE_BYTES = 32;
/** cephx has one; a server that goes on asking is not followed. */
const AUTH_ROUNDS_MAX = 8;

export interface HandshakeSettings {
  /** For messages: `osd.3 (v2:10.0.0.1:6800)`. */
  readonly name: string;
  /** ENTITY_… that must answer there. */
  readonly entityType: number;
  /** With the nonce of its map: a daemon that came back with another one refuses. */
  readonly target: EntityAddress;
  readonly authenticator: Authenticator;
  /** MODE_…, the preferred one first. */
  readonly modes: readonly number[];
}

export interface HandshakeUser {
  /** Sends a control frame; returns its bytes. */
  send(tag: number, payload: Uint8Array): Buffer;
  /** What was received so far, to the end of the frame that is being handled. Asked once. */
  received(): Buffer;
  secure(streams: SecureStreams): void;
  /** Messages may be sent. */
  ready(): void;
}

type State = 'banner' | 'hello' | 'auth' | 'signature' | 'ident' | 'ready';

/** Counts the connections of this process: daemons tell a newer from an older one by it. */
let globalSeq = 0n;
const ownNonce: number = randomBytes(4).readUInt32LE();

/**
 *      banner ─▶ HELLO ─▶ AUTH_REQUEST ─▶ [REPLY_MORE, REQUEST_MORE] ─▶ AUTH_DONE ─▶ AUTH_SIGNATURE ─▶ CLIENT_IDENT ─▶ ready
 *                                                                          └ in secure mode sealed from here on
 */
export class Handshake {
  readonly #settings: HandshakeSettings;
  readonly #user: HandshakeUser;
  /** Own bytes before AUTH_SIGNATURE, which the server signs. */
  readonly #sent: Buffer[] = [];
  #state: State = 'banner';
  #rounds = 0;
  #globalId = 0n;
  #ownHost = '';
  #expected: Buffer = Buffer.alloc(SIGNATURE_BYTES);

  constructor(settings: HandshakeSettings, user: HandshakeUser) {
    this.#settings = settings;
    this.#user = user;
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** What this side begins with. */
  banner(): Buffer {
    const writer = new DencWriter();
    writer.raw(Buffer.from(BANNER, 'latin1'));
    writer.u16(BANNER_PAYLOAD_BYTES);
    writer.u64(FEATURE_REVISION_1);
    writer.u64(0n);
    const banner = writer.copy();
    this.#sent.push(banner);
    return banner;
  }

  bannerReceived(supported: bigint, required: bigint): void {
    const { name, target } = this.#settings;
    if ((supported & FEATURE_REVISION_1) === 0n)
      throw systemError('EPROTONOSUPPORT', `${name} speaks messenger v2.0 and not v2.1`);
    if ((required & ~FEATURE_REVISION_1) !== 0n)
      throw systemError('EPROTONOSUPPORT', `${name} requires 0x${required.toString(16)} of the messenger`);
    const writer = new DencWriter();
    writer.u8(ENTITY_CLIENT);
    writeAddress(writer, target);
    this.#send(TAG_HELLO, writer.bytes);
    this.#state = 'hello';
  }

  /** Any frame but a message, until it is ready. Throws what ends the connection. */
  control(tag: number, reader: DencReader): void {
    const state = this.#state;
    if (state === 'hello' && tag === TAG_HELLO) this.#hello(reader);
    else if (state === 'auth' && tag === TAG_AUTH_REPLY_MORE) this.#more(reader);
    else if (state === 'auth' && tag === TAG_AUTH_DONE) this.#done(reader);
    else if (state === 'auth' && tag === TAG_AUTH_BAD_METHOD) throw this.#refusal(reader);
    else if (state === 'signature' && tag === TAG_AUTH_SIGNATURE) this.#signature(reader);
    else if (state === 'ident' && tag === TAG_SERVER_IDENT) this.#ident(reader);
    else if (state === 'ident' && tag === TAG_IDENT_MISSING_FEATURES)
      throw systemError('EPROTONOSUPPORT', `${this.#settings.name} requires features 0x${reader.u64().toString(16)}`);
    else if (state === 'ident' && tag === TAG_WAIT) throw systemError('EAGAIN', `${this.#settings.name} says: wait`);
    else throw reader.error(`it came where ${state} was due`);
  }

  #send(tag: number, payload: Uint8Array): void {
    this.#sent.push(this.#user.send(tag, payload));
  }

  #hello(reader: DencReader): void {
    const { entityType, name, authenticator, modes } = this.#settings;
    const type = reader.u8();
    if (type !== entityType) throw systemError('EPROTO', `${name} is another kind of daemon: ${type}`);
    // It tells where it sees this side.
    this.#ownHost = readAddress(reader).host;
    const writer = new DencWriter();
    writer.u32(authenticator.method);
    writer.u32(modes.length);
    for (const mode of modes) writer.u32(mode);
    writer.blob(authenticator.request());
    this.#send(TAG_AUTH_REQUEST, writer.bytes);
    this.#state = 'auth';
  }

  #more(reader: DencReader): void {
    if (++this.#rounds > AUTH_ROUNDS_MAX) throw reader.error('authentication does not end');
    const challenge = new DencReader(reader.blob(), 'AUTH_REPLY_MORE');
    const writer = new DencWriter();
    writer.blob(this.#settings.authenticator.more(challenge));
    this.#send(TAG_AUTH_REQUEST_MORE, writer.bytes);
  }

  #refusal(reader: DencReader): DioriteError {
    const { name, authenticator } = this.#settings;
    const method = reader.u32();
    const result = reader.s32();
    const told = `${name} refuses ${authenticator.identity}`;
    if (method !== authenticator.method) return reader.error(`it speaks of method ${method}`);
    return daemonError(result < 0 ? result : -1, told);
  }

  #done(reader: DencReader): void {
    const { authenticator, modes, name } = this.#settings;
    this.#globalId = reader.u64();
    const mode = reader.u32();
    if (!modes.includes(mode)) throw systemError('EPROTO', `${name} chose mode ${mode}, which was not offered`);
    const payload = new DencReader(reader.blob(), 'AUTH_DONE');
    const { sessionKey, connectionSecret } = authenticator.done(this.#globalId, payload);
    const received = this.#user.received();
    let signature: Buffer = Buffer.alloc(SIGNATURE_BYTES);
    if (sessionKey !== null) {
      signature = createHmac('sha256', sessionKey).update(received).digest();
      this.#expected = createHmac('sha256', sessionKey).update(Buffer.concat(this.#sent)).digest();
    }
    if (mode === MODE_SECURE) this.#user.secure(secureStreams(connectionSecret));
    this.#sent.length = 0;
    this.#user.send(TAG_AUTH_SIGNATURE, signature);
    this.#state = 'signature';
  }

  #signature(reader: DencReader): void {
    const { name, target } = this.#settings;
    if (!timingSafeEqual(this.#expected, reader.bytes(SIGNATURE_BYTES)))
      throw systemError('EACCES', `${name} signs another handshake: somebody is between`);
    const writer = new DencWriter();
    writeAddresses(writer, [{ type: ADDRESS_ANY, nonce: ownNonce, host: this.#ownHost, port: 0 }]);
    writeAddress(writer, target);
    writer.s64(BigInt.asIntN(64, this.#globalId));
    writer.u64(++globalSeq);
    writer.u64(FEATURES);
    writer.u64(0n); // required
    writer.u64(FLAG_LOSSY);
    writer.u64(randomBytes(8).readBigUInt64LE() | 1n); // a cookie is never 0
    this.#user.send(TAG_CLIENT_IDENT, writer.bytes);
    this.#state = 'ident';
  }

  #ident(reader: DencReader): void {
    readAddresses(reader);
    reader.skip(8 * 4); // gid, global_seq, supported and required features
    this.#state = 'ready';
    this.#user.ready();
  }
}
