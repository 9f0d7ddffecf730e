// Files are held to the contract on the ring and on the addon's thread pool, in every mode.
import { acquireUring, chooseEngine } from '../../src/targets/file/engines/choose.js';
import type { IoOption } from '../../src/transfer/file-like.js';
import { hasAddon } from '../support/needs.js';
import { file } from './file-subject.js';
import { conform } from './suite.js';

const MODES: readonly IoOption[] = ['prefer-direct', 'direct', 'buffered', 'drop-behind'];

const ring = acquireUring();
const noRing = 'reason' in ring ? ring.reason : null;
const noAddon = hasAddon() ? null : 'needs the addon';

for (const io of MODES) {
  conform(
    file('uring', io, () => chooseEngine('auto').engine),
    noRing,
  );
  conform(
    file('threads of the addon', io, () => chooseEngine('threads').engine),
    noAddon,
  );
}
