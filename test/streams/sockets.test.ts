// net.Sockets of both kinds to direct files and back, by streams: all of it, ranges, bounded, and nothing in the page cache.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { socketPair } from '../support/sockets.js';
import { cachedPages, tempDirectory } from '../support/temp.js';
import { MIB, randomBytes } from './support.js';

describe('sockets', () => {
  for (const kind of ['local', 'tcp'] as const) {
    it(`to a file (${kind})`, async (t) => {
      const path = join(tempDirectory(t), 'file');
      const bytes = randomBytes(6 * MIB + 123);
      const [near, far] = await socketPair(t, kind);
      far.end(bytes);
      const file = await open(path, 'w');
      const isDirect = file.target.ioMode('write') === 'direct';
      await pipeline(near, file.createWriteStream({ flush: true }));
      if (isDirect) assert.equal(cachedPages(path), 0);
      assert.equal(Buffer.compare(readFileSync(path), bytes), 0);
      assertNoLeaks();
    });

    it(`from a file, ranges too (${kind})`, async (t) => {
      const path = join(tempDirectory(t), 'file');
      const bytes = randomBytes(4 * MIB + 77);
      await using file = await open(path, 'w+');
      await file.write(bytes, { position: 0 });
      for (const [start, end] of [
        [0, bytes.length - 1],
        [1000, 1_999_999],
        [bytes.length - 5, bytes.length - 1],
      ] as const) {
        const [near, far] = await socketPair(t, kind);
        const chunks: Buffer[] = [];
        const received = (async () => {
          for await (const chunk of far) chunks.push(chunk as Buffer);
        })();
        await pipeline(file.createReadStream({ start, end, autoClose: false }), near);
        await received;
        assert.equal(Buffer.compare(Buffer.concat(chunks), bytes.subarray(start, end + 1)), 0);
      }
      assertNoLeaks();
    });

    it(`a peer that goes away in the middle: an error, and the ledger of what came (${kind})`, async (t) => {
      const [near, far] = await socketPair(t, kind);
      await using file = await open(join(tempDirectory(t), 'file'), 'w+');
      const stream = file.createWriteStream({ autoClose: false });
      const piping = pipeline(near, stream);
      far.write(randomBytes(3 * MIB), () => near.destroy(new Error('gone')));
      far.on('error', () => {});
      await assert.rejects(piping, { message: 'gone' });
      // What is in flight is awaited.
      if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
      for (const { state } of stream.extents) assert.notEqual(state, 'unknown');
      assertNoLeaks();
    });
  }
});
