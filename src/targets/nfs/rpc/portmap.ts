// Asks a host's portmapper where a program listens: PORTMAP version 2 (RFC 1833 §3), over TCP.

import type { MakeTransport } from '../../net/transport.js';
import { addressName } from '../../net/transport.js';
import type { Credentials } from './auth.js';
import { systemError } from './rejections.js';
import { RpcClient } from './rpc-client.js';

export const PORTMAP_PORT = 111;

const PORTMAP_PROGRAM = 100000;
const PORTMAP_VERSION = 2;
const PMAPPROC_GETPORT = 3;
const IPPROTO_TCP = 6;
const PORT_MAX = 65_535;

export interface PortmapQuestion {
  readonly host: string;
  /** Where the portmapper listens: 111 by default. */
  readonly portmapPort?: number | undefined;
  readonly program: number;
  readonly version: number;
  readonly credentials: Credentials;
  readonly timeoutMs: number;
  readonly transport?: MakeTransport | undefined;
}

/** The TCP port. EPROTONOSUPPORT: the host does not offer the program (a portmapper names one of another version too). */
export async function askPortmap(question: PortmapQuestion): Promise<number> {
  const { host, program, version, portmapPort = PORTMAP_PORT, credentials, timeoutMs, transport } = question;
  const address = { host, port: portmapPort };
  const client = await RpcClient.connect({
    ...address,
    credentials,
    timeoutMs,
    transport,
    hard: false,
    privilegedPort: false,
  });
  try {
    const port = await client.request({
      program: PORTMAP_PROGRAM,
      version: PORTMAP_VERSION,
      procedure: PMAPPROC_GETPORT,
      encode: (xdr) => {
        for (const word of [program, version, IPPROTO_TCP, 0]) xdr.u32(word);
      },
      decode: (xdr) => xdr.u32(),
    });
    if (port > 0 && port <= PORT_MAX) return port;
    const told = `the portmapper of ${addressName(address)} knows no TCP port of program ${program}, version ${version}`;
    throw systemError('EPROTONOSUPPORT', told);
  } finally {
    await client.close();
  }
}
