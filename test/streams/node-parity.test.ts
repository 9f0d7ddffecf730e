// The same done to a stream of a diorite file and of Node's FileHandle: the same events in the same order, the same bytes.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { open as nodeOpen } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { tempDirectory } from '../support/temp.js';
import { CONTENT, READING, type Scenario, type Streamed, WRITING } from './node-parity-calls.js';

async function seen(file: Streamed, scenario: Scenario): Promise<unknown[]> {
  const log: unknown[] = [];
  file.on('close', () => log.push('file closed'));
  await scenario(file, (...entries) => log.push(entries.length === 1 ? entries[0] : entries));
  await file.close().catch(() => {});
  // When the handle tells that it is closed, before or after its stream, is nobody's contract.
  return log.filter((entry) => entry !== 'file closed');
}

for (const engine of ['auto', 'threads'] as const) {
  for (const [group, scenarios] of Object.entries({ WRITING, READING })) {
    describe(`${group.toLowerCase()}, engine ${engine}`, () => {
      for (const [name, scenario] of Object.entries(scenarios)) {
        it(name, async (t) => {
          const directory = tempDirectory(t);
          const [ours, nodes] = [join(directory, 'ours'), join(directory, 'nodes')];
          writeFileSync(ours, CONTENT);
          writeFileSync(nodes, CONTENT);
          const expected = await seen((await nodeOpen(nodes, 'r+')) as unknown as Streamed, scenario);
          const actual = await seen((await open(ours, 'r+', { engine })) as unknown as Streamed, scenario);
          assert.deepEqual(actual, expected);
          assert.ok(readFileSync(ours).equals(readFileSync(nodes)), 'the bytes are the same');
          assertNoLeaks();
        });
      }
    });
  }
}
