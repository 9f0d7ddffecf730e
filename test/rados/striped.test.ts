// What libradosstriper leaves of a file: names, attributes and sizes of its objects are those that are computed here.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeHead, encodeHead, objectName, parseObjectName } from '../../src/targets/rados/striped/layout.js';
import { Stripes } from '../../src/targets/striping.js';
import { tempDirectory } from '../support/temp.js';
import { requireCluster, startCluster } from './cluster.js';

describe('a file of libradosstriper', () => {
  it('has the objects, the layout and the size that are computed', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = (...args: readonly string[]): Promise<Buffer> => cluster.tool('rados', '-p', 'data', ...args);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, Buffer.alloc(9_500_001, 7));
    await rados('--striper', 'put', 'a file', local);

    const names = (await rados('ls')).toString().split('\n').filter(Boolean).sort();
    const first = objectName('a file', 0);
    const listed = (await rados('listxattr', first)).toString().split('\n').filter(Boolean);
    const attributes = new Map<string, Uint8Array>();
    for (const name of listed.filter((each) => each.startsWith('striper.')))
      attributes.set(name, await rados('getxattr', first, name));
    const head = decodeHead(attributes, 'data/a file');
    assert.ok(head);
    assert.equal(head.sizeBytes, 9_500_001);
    const written = new Map(encodeHead(head).map(([name, value]) => [name, Buffer.from(value)]));
    for (const [name, value] of attributes) assert.deepEqual(Buffer.from(value), written.get(name), name);
    assert.equal(written.size, attributes.size);

    const stripes = new Stripes(head.striping, (object) => objectName('a file', object));
    const count = stripes.objectCount(head.sizeBytes);
    assert.deepEqual(
      names,
      Array.from({ length: count }, (_, object) => objectName('a file', object)),
    );
    for (const name of names) {
      const size = /size (\d+)/.exec((await rados('stat', name)).toString())?.[1];
      assert.equal(Number(size), stripes.bytesOf(parseObjectName(name)?.number ?? -1, head.sizeBytes), name);
    }
  });
});
