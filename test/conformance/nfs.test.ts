// The contract of Target, held by NFS files.
import { nfs } from './nfs-subject.js';
import { conform } from './suite.js';

for (const version of ['3', '4.1', '4.2'] as const) conform(nfs(version));
