// Both ways in which connections are carried, for suites that hold for either.
import { chooseCarrier } from '../../src/targets/net/carrier.js';
import { connectTcp } from '../../src/targets/net/tcp.js';
import type { MakeTransport } from '../../src/targets/net/transport.js';

export interface TestedCarrier {
  readonly name: string;
  readonly make: MakeTransport;
  readonly skip: string | false;
}

const ring = chooseCarrier();

export const RING: TestedCarrier = { name: 'over the ring', make: ring.make, skip: ring.reason ?? false };

export const CARRIERS: readonly TestedCarrier[] = [RING, { name: 'over node:net', make: connectTcp, skip: false }];
