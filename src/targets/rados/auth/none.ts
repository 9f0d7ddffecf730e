// Authentication `none`: a name, and nothing to prove it.
import { DencWriter } from '../denc/writer.js';
import { AUTH_NONE, type Authenticator } from '../msgr/authenticator.js';
import type { Identity } from './identity.js';
import { AUTH_MODE_AUTHORIZER, AUTH_MODE_MON } from './modes.js';

const NO_KEYS = { sessionKey: null, connectionSecret: new Uint8Array(0) } as const;

/** `toMonitor`: which gives the number that other daemons are told. */
export function noAuthentication(identity: Identity, toMonitor: boolean): Authenticator {
  return {
    method: AUTH_NONE,
    identity: identity.name,
    request(): Uint8Array {
      const writer = new DencWriter();
      writer.u8(toMonitor ? AUTH_MODE_MON : AUTH_MODE_AUTHORIZER);
      identity.write(writer);
      return writer.copy();
    },
    more(challenge): Uint8Array {
      throw challenge.error('nothing was to be proven');
    },
    done(globalId) {
      if (toMonitor) identity.globalId = globalId;
      return NO_KEYS;
    },
  };
}
