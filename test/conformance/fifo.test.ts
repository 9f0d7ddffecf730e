// Named pipes are held to the contract of what cannot seek, on the ring and on the addon's thread pool.
import { acquireUring, chooseEngine } from '../../src/targets/file/engines/choose.js';
import { hasAddon } from '../support/needs.js';
import { fifo } from './fifo-subject.js';
import { conform } from './suite.js';

const ring = acquireUring();

for (const io of ['prefer-direct', 'buffered'] as const) {
  conform(
    fifo('uring', io, () => chooseEngine('auto').engine),
    'reason' in ring ? ring.reason : null,
  );
  conform(
    fifo('threads of the addon', io, () => chooseEngine('threads').engine),
    hasAddon() ? null : 'needs the addon',
  );
}
