// Every case there is, in the order of the report. A new file of this folder is added to one of the groups.
import type { Case } from '../harness.js';
import { copyCase } from './copy.js';
import { copySeveralCase } from './copy-several.js';
import { curveCases } from './curves.js';
import { defaultsCases } from './defaults.js';
import { iopsCases } from './iops.js';
import { largeRequestCases } from './large-requests.js';
import { nfsCases } from './nfs.js';
import { oddCase } from './odd.js';
import { planCase } from './plan.js';
import { radosCases } from './rados.js';
import { randomReadCase } from './random-read.js';
import { readManyCase } from './read-many.js';
import { scatteredCase } from './scattered-write.js';
import { smallPiecesCase } from './small-pieces.js';
import { startCase } from './start.js';
import { stdinCase } from './stdin.js';
import { streamCases } from './streams.js';
import { transferSizeCase } from './transfer-size.js';
import { walkCase } from './walk.js';

export interface Group {
  readonly title: string;
  readonly cases: readonly Case[];
}

export const GROUPS: readonly Group[] = [
  { title: 'Copies', cases: [copyCase, copySeveralCase, stdinCase, transferSizeCase] },
  { title: 'Small requests', cases: [randomReadCase, ...iopsCases, readManyCase, ...curveCases] },
  { title: 'Large requests', cases: largeRequestCases },
  { title: 'Defaults beside a sweep', cases: defaultsCases },
  { title: 'Scattered and misaligned memory', cases: [scatteredCase, smallPiecesCase, oddCase] },
  { title: 'Streams', cases: streamCases },
  { title: 'NFS', cases: nfsCases },
  { title: 'RADOS', cases: radosCases },
  { title: 'The iterator and the planner', cases: [walkCase, planCase] },
  { title: 'Start', cases: [startCase] },
];

export const CASES: readonly Case[] = GROUPS.flatMap(({ cases }) => cases);
