// Copies between an NFS server and a Ceph cluster, with real ones of both: each way, with holes, and to both from one reading.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copy } from '../../src/index.js';
import { requireGanesha, startGanesha } from '../nfs/ganesha.js';
import { tempDirectory } from '../support/temp.js';
import { requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { urlOf } from './urls.js';

const MIB = 2 ** 20;
const SMALL = { stripe_unit: '65536', stripe_count: '2', object_size: '131072' };

describe('a copy between NFS and Ceph', () => {
  for (const version of ['3', '4.2'] as const)
    it(`goes both ways, by NFS ${version}`, async (t) => {
      if (!(await requireCluster(t)) || !requireGanesha(t)) return;
      const cluster = await startCluster(t);
      const server = await startGanesha(t);
      const onNfs = (name: string): string => server.url(version, `${server.exportPath}/${name}`).href;
      const local = join(tempDirectory(t), 'local');
      const bytes = pattern(9 * MIB + 4321);
      bytes.fill(0, 2 * MIB, 5 * MIB);
      writeFileSync(local, bytes);

      const first = [onNfs('first'), urlOf(cluster, 'first')] as const;
      const both = await copy(local, first, { verify: true });
      assert.equal(both.failed, 0);
      await copy(onNfs('first'), urlOf(cluster, 'second', SMALL), { verify: true });
      const { bytes: moved } = await copy(urlOf(cluster, 'second'), onNfs('third'), { verify: true });
      assert.equal(moved, bytes.length);
      const last = [urlOf(cluster, 'fourth', { striped: 'no' }), onNfs('fourth'), `${local}.back`] as const;
      assert.equal((await copy(onNfs('third'), last, { verify: true })).failed, 0);
      assert.ok(readFileSync(`${local}.back`).equals(bytes));
      await copy(urlOf(cluster, 'fourth'), `${local}.again`);
      assert.ok(readFileSync(`${local}.again`).equals(bytes));
    });
});
