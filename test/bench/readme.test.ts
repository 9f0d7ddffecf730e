// The README's figures are those that are kept, and the commands and pages that it names are there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { figuresTable, withFigures } from '../../bench/report/readme.js';
import { readStore } from '../../bench/store.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('its table of figures is made of bench/results.json: `npm run bench -- --render` writes it again', () => {
  const results = readStore(join(ROOT, 'bench', 'results.json'));
  assert.equal(README, withFigures(README, results));
  assert.ok(figuresTable(results).split('\n').length > 5);
});

test('without figures there is a head and no line; without its marks a page is refused', () => {
  assert.equal(figuresTable([]).split('\n').length, 2);
  assert.throws(() => withFigures('# A page', []), RangeError);
});

test('what its links lead to is there', () => {
  const links = [...README.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, to = '']) => to);
  for (const to of links.filter((each) => !/^https?:/.test(each))) assert.ok(existsSync(join(ROOT, to)), to);
  assert.ok(links.length > 5);
});

test('every script that it names is one of the package', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  for (const [, name = ''] of README.matchAll(/npm (?:run )?([a-z:]+)/g))
    if (name !== 'packages' && name !== 'explore') assert.ok(name in scripts, name);
});
