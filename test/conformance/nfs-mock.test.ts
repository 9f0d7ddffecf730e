// The contract of Target, held by NFS files of the mock server, over sockets.
import { mockSubject } from './nfs-server-subject.js';
import { conform } from './suite.js';

for (const version of ['3', '4.1', '4.2'] as const) conform(mockSubject(version));
