// One session with one monitor: authenticated, told what maps are wanted, lost once.
import { assert } from '../../../base/assert.js';
import type { DioriteError } from '../../../base/errors.js';
import type { MakeTransport } from '../../net/transport.js';
import { cephxToMonitor } from '../auth/cephx.js';
import type { Identity } from '../auth/identity.js';
import { noAuthentication } from '../auth/none.js';
import { addressText, type EntityAddress } from '../denc/entity-address.js';
import type { DencReader } from '../denc/reader.js';
import { AUTH_CEPHX } from '../msgr/authenticator.js';
import { type Call, Connection } from '../msgr/connection.js';
import { ENTITY_MON } from '../msgr/handshake.js';
import { type MessageHeader, MSG_MON_SUBSCRIBE, type OutgoingMessage } from '../msgr/message.js';
import { writeSubscribe } from './messages.js';

export interface SessionSettings {
  readonly identity: Identity;
  readonly method: number;
  readonly modes: readonly number[];
  readonly address: EntityAddress;
  /** To be open in; and how long the monitor may be silent. */
  readonly timeoutMs: number;
  /** It keeps the process alive until it is open. */
  readonly held: boolean;
  readonly transport: MakeTransport | undefined;
}

export interface SessionUser {
  opened(session: MonSession): void;
  message(header: MessageHeader, front: DencReader, data: Uint8Array): void;
  /** Once; it may not have been open. */
  lost(session: MonSession, error: DioriteError): void;
}

export class MonSession {
  readonly address: EntityAddress;
  /** AUTH_…: what daemons that this monitor speaks for are to be told as well. */
  readonly method: number;
  readonly #connection: Connection;

  constructor({ identity, method, modes, address, timeoutMs, held, transport }: SessionSettings, user: SessionUser) {
    this.address = address;
    this.method = method;
    const authenticator = method === AUTH_CEPHX ? cephxToMonitor(identity) : noAuthentication(identity, true);
    const settings = {
      name: `the monitor ${addressText(address)}`,
      entityType: ENTITY_MON,
      target: address,
      authenticator,
      modes,
      timeoutMs,
      alwaysAlive: true,
      held,
      transport,
    };
    this.#connection = new Connection(settings, {
      ready: () => {
        this.#connection.hold(false);
        user.opened(this);
      },
      message: (header, front, data) => user.message(header, front, data),
      lost: (error) => user.lost(this, error),
    });
  }

  send(call: Call): void {
    assert(this.#connection.isReady, 'only an open session is spoken to');
    this.#connection.send(call);
  }

  abandon(call: Call): void {
    if (this.#connection.isReady) this.#connection.abandon(call);
  }

  subscribe(starts: ReadonlyMap<string, number>): void {
    const message: OutgoingMessage = {
      type: MSG_MON_SUBSCRIBE,
      version: 3,
      compatVersion: 1,
      tid: 0,
      encode: (writer) => writeSubscribe(writer, starts),
      payload: null,
      payloadBytes: 0,
    };
    this.#connection.post(message);
  }

  /** No one is called from now on. */
  close(then?: () => void): void {
    this.#connection.destroy(then);
  }
}
