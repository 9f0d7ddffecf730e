// Whether a text is one well-formed XML element with what a standalone picture may have: a checker for our own SVG.
import assert from 'node:assert/strict';

const NAME = '[A-Za-z][A-Za-z0-9:-]*';
const ATTRIBUTES = new RegExp(`^(?:\\s+${NAME}="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*\\s*$`);
const TEXT = /^[^<&]*(?:&(?:amp|lt|gt|quot);[^<&]*)*$/;
const ELEMENTS = new Set(['svg', 'title', 'defs', 'pattern', 'rect', 'line', 'path', 'g', 'text']);

/** Throws where it is not; returns how many elements there are of each name. */
export function checkedSvg(svg: string): ReadonlyMap<string, number> {
  const open: string[] = [];
  const counts = new Map<string, number>();
  let roots = 0;
  let at = 0;
  for (const match of svg.matchAll(/<(\/?)([^\s/>]+)([^>]*?)(\/?)>/g)) {
    const [all, closes, name = '', attributes = '', closed] = match;
    const before = svg.slice(at, match.index);
    assert.match(before, TEXT);
    assert.ok(open.length > 0 || before.trim() === '', `text outside of the root: ${before}`);
    at = match.index + all.length;
    if (closes === '/') {
      assert.equal(open.pop(), name);
      continue;
    }
    assert.ok(ELEMENTS.has(name), `<${name}>`);
    assert.match(attributes, ATTRIBUTES, all);
    assert.doesNotMatch(attributes, /NaN|Infinity|undefined|(?:width|height)="-/, all);
    if (open.length === 0) roots++;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (closed !== '/') open.push(name);
  }
  assert.deepEqual(open, []);
  assert.equal(roots, 1);
  assert.equal(svg.slice(at).trim(), '');
  // Nothing from elsewhere: the namespace is the only address.
  assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|href|@import|<script|url\((?!#)/);
  assert.ok(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 '));
  return counts;
}
