// The layers that run in a browser: they import nothing from Node, and nothing from a layer below their own.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Each may import from those before it. */
const PORTABLE_LAYERS = ['base', 'iter', 'plan', 'draw'];

/** The sources: this file runs from dist/test. */
const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));

/** Statements, from the start of their line, and dynamic imports: strings and comments may speak of anything. */
const IMPORTS = [
  /^import\b[^'"`;]*['"]([^'"]+)['"]/gm,
  /^export\s+(?:type\s+)?[*{][^'"`;]*\bfrom\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
];

function sourcesOf(layer: string): string[] {
  return readdirSync(join(SOURCES, layer), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(SOURCES, layer, name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

for (const [depth, layer] of PORTABLE_LAYERS.entries()) {
  describe(`src/${layer}`, () => {
    it('imports its own layer and those above it, and nothing else', () => {
      const files = sourcesOf(layer);
      assert.ok(files.length > 0);
      for (const file of files) {
        for (const specifier of importsOf(file)) {
          const where = `${relative(SOURCES, file)} imports ${specifier}`;
          assert.ok(specifier.startsWith('.'), where);
          const [folder = ''] = relative(SOURCES, resolve(dirname(file), specifier)).split(sep);
          assert.ok(PORTABLE_LAYERS.slice(0, depth + 1).includes(folder), where);
        }
      }
    });

    it('uses no global of Node', () => {
      for (const file of sourcesOf(layer)) {
        const found = /\b(?:process\.|Buffer\.|setImmediate\(|require\()/.exec(withoutComments(file));
        assert.equal(found, null, `${relative(SOURCES, file)} uses ${found?.[0]}`);
      }
    });
  });
}

describe('src/explain', () => {
  it('imports nothing of the layers below it, and all but the file that opens a path nothing of Node', () => {
    for (const file of sourcesOf('explain')) {
      for (const specifier of importsOf(file)) {
        const where = `${relative(SOURCES, file)} imports ${specifier}`;
        if (!specifier.startsWith('.')) assert.match(file, /path-limits\.ts$/, where);
        else assert.doesNotMatch(relative(SOURCES, resolve(dirname(file), specifier)), /^(cli|index)\b/, where);
      }
    }
  });
});

describe('src/streams', () => {
  it('lies over transfers and knows neither targets nor handles', () => {
    for (const file of sourcesOf('streams')) {
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('node:')) continue;
        const [folder = ''] = relative(SOURCES, resolve(dirname(file), specifier)).split(sep);
        const where = `${relative(SOURCES, file)} imports ${specifier}`;
        assert.ok([...PORTABLE_LAYERS, 'memory', 'transfer', 'streams'].includes(folder), where);
      }
    }
  });
});

describe('src/handle', () => {
  it('knows no target: only the files that open one import it', () => {
    for (const file of sourcesOf('handle')) {
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) continue;
        const imported = relative(SOURCES, resolve(dirname(file), specifier));
        if (imported.startsWith('targets'))
          assert.match(file, /open-\w+\.ts$/, `${relative(SOURCES, file)}: ${imported}`);
      }
    }
  });
});

function withoutComments(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}
