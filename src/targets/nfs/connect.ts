// The versions that are spoken, from the top down, and the connections of this process.
import { NfsConnections } from './connections.js';
import type { Connect, Version } from './negotiate.js';

async function loadV4(): Promise<Connect> {
  return (await import('./v4/protocol-v4.js')).connectV4;
}

async function loadV3(): Promise<Connect> {
  return (await import('./v3/protocol-v3.js')).connectV3;
}

const VERSIONS: readonly Version[] = [
  { name: '4.2', load: loadV4 },
  { name: '4.1', load: loadV4 },
  { name: '3', load: loadV3 },
];

export const nfsConnections: NfsConnections = new NfsConnections(VERSIONS);
