// Files are held to the contract without the addon: node:fs, and memory whose address nobody knows.
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { file } from './file-subject.js';
import { conform } from './suite.js';

// Read when the addon is first asked for, which no import does.
process.env.DIORITE_ADDON = 'off';

conform(file('node:fs', 'prefer-direct', () => chooseEngine('auto').engine));
conform(file('node:fs', 'buffered', () => chooseEngine('auto').engine));
