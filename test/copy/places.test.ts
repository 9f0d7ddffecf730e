// Places of copies: the suite over local directories, and how names find their place.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { LocalPlace } from '../../src/copy/local/local-place.js';
import { copy } from '../../src/index.js';
import { tempDirectory } from '../support/temp.js';
import { placeSuite } from './place-suite.js';

placeSuite({
  name: 'local',
  async stand(t) {
    const directory = tempDirectory(t);
    return { place: new LocalPlace(), directory, at: (name) => (name === '' ? directory : `${directory}/${name}`) };
  },
});

test('a URL in a string is a URL; one of an unknown scheme is refused by name', async (t) => {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  writeFileSync(source, 'bytes');
  const result = await copy(pathToFileURL(source).href, pathToFileURL(join(directory, 'copy')).href);
  assert.equal(result.destination, join(directory, 'copy'));
  for (const wrong of ['gopher://host/file', new URL('http://host/file')]) {
    await assert.rejects(copy(wrong, source), { code: 'ERR_INVALID_ARG_VALUE', message: /"source".*file:/ });
    await assert.rejects(copy(source, wrong), { code: 'ERR_INVALID_ARG_VALUE', message: /"destination"/ });
    await assert.rejects(copy(source, [wrong]), { code: 'ERR_INVALID_ARG_VALUE', message: /"destinations\[0\]"/ });
  }
});
