// Pipes, named or not, are held to the contract of what cannot seek, on the ring and on the addon's thread pool.
import { acquireUring, chooseEngine } from '../../src/targets/file/engines/choose.js';
import { hasAddon } from '../support/needs.js';
import { pipe } from './pipe-subject.js';
import { conform } from './suite.js';

const ring = acquireUring();

for (const kind of ['named', 'anonymous'] as const) {
  conform(
    pipe(kind, 'uring', () => chooseEngine('auto').engine),
    'reason' in ring ? ring.reason : null,
  );
  conform(
    pipe(kind, 'threads of the addon', () => chooseEngine('threads').engine),
    hasAddon() ? null : 'needs the addon',
  );
}
