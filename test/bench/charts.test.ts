// The charts: well-formed, nothing outside, no two texts over each other, by our own measure and by a browser's.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Box } from '../../bench/report/svg/canvas.js';
import { type Picture, WIDTH } from '../../bench/report/svg/frame.js';
import { apart } from '../../bench/report/svg/lines.js';
import { textWidth, wrapped } from '../../bench/report/svg/measure.js';
import { scaleOf, tickStep } from '../../bench/report/svg/scale.js';
import { drawAll, sectionsOf } from '../../bench/report/write.js';
import { readStore } from '../../bench/store.js';
import { needs } from '../support/needs.js';
import { Random, runSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { randomResult } from './sample.js';

const RESULTS = 60;
const KEPT = fileURLToPath(new URL('../../../bench/results.json', import.meta.url));
const SEED = runSeed();

function randomPictures(): ReadonlyMap<string, Picture> {
  const random = new Random(SEED);
  const results = Array.from({ length: RESULTS }, (_, i) => randomResult(random, `case-${i}`));
  return drawAll(sectionsOf(results)).pictures;
}

function kept(): ReadonlyMap<string, Picture> {
  return drawAll(sectionsOf(readStore(KEPT))).pictures;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Tags that are closed in order, attributes in quotes, and no bare < or & between them. */
function assertWellFormed(svg: string, name: string): void {
  const open: string[] = [];
  const TAG = /<(\/?)([a-z]+)((?:\s+[a-zA-Z0-9-]+="[^"<]*")*)\s*(\/?)>/y;
  const TEXT = /(?:[^<&]|&(?:amp|lt|gt|quot);)*/y;
  for (let at = 0; at < svg.length; ) {
    TEXT.lastIndex = at;
    at += TEXT.exec(svg)?.[0].length ?? 0;
    if (at === svg.length) break;
    TAG.lastIndex = at;
    const tag = TAG.exec(svg);
    assert.ok(tag !== null, `${name}: no tag at ${svg.slice(at, at + 60)}`);
    at += tag[0].length;
    if (tag[1] === '/') assert.equal(open.pop(), tag[2], name);
    else if (tag[4] !== '/') open.push(tag[2] ?? '');
  }
  assert.deepEqual(open, [], name);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/, name);
}

for (const [kind, pictures] of [
  ['charts of random results', randomPictures()],
  ['charts of the kept results', kept()],
] as const) {
  describe(`${kind} (DIORITE_SEED=${SEED})`, () => {
    it('are well-formed', () => {
      for (const [name, { svg }] of pictures) assertWellFormed(svg, name);
    });

    it('have no text over another', () => {
      for (const [name, { boxes }] of pictures) {
        for (const [i, box] of boxes.entries()) {
          const hit = boxes.slice(i + 1).find((other) => overlap(box, other));
          assert.equal(hit, undefined, `${name}: ${JSON.stringify(box)} over ${JSON.stringify(hit)}`);
        }
      }
    });

    it('have no text outside', () => {
      for (const [name, { boxes, height }] of pictures) {
        for (const box of boxes) {
          const inside = box.left >= 0 && box.right <= WIDTH && box.top >= 0 && box.bottom <= height;
          assert.ok(inside, `${name}: ${JSON.stringify(box)} in ${WIDTH} × ${height}`);
        }
      }
    });
  });
}

const PROBE = `
  const bad = [];
  for (const svg of document.querySelectorAll('svg')) {
    const all = [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent, box: text.getBBox() }));
    for (const [i, { text, box: a }] of all.entries()) {
      for (const { text: other, box: b } of all.slice(i + 1)) {
        // Lines of one text stand close: a browser counts the font's whole height.
        const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
        const along = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
        if (across > 0 && along > 0.3 * Math.min(a.height, b.height)) bad.push(text + ' | ' + other);
      }
      if (a.x < 0 || a.x + a.width > svg.viewBox.baseVal.width) bad.push('outside: ' + text);
    }
  }
  document.body.textContent = 'result ' + encodeURIComponent(JSON.stringify(bad)) + ' end';
`;

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions'];

describe('in a browser', () => {
  it('no text stands over another either', async (t) => {
    if (!needs(t, 'chromium')) return;
    const profile = tempDirectory(t);
    const all = [...randomPictures().values(), ...kept().values()].map(({ svg }) => svg);
    const page = join(profile, 'page.html');
    writeFileSync(page, `<!doctype html><meta charset="utf-8"><body>${all.join('')}<script>${PROBE}</script>`);
    const env = { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile };
    const options = { env, timeout: 120_000, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const;
    const args = [...FLAGS, '--dump-dom', `--user-data-dir=${profile}`, `file://${page}`];
    const { stdout } = await promisify(execFile)('chromium', args, options);
    const found = /result (\S+) end/.exec(stdout)?.[1];
    assert.ok(found !== undefined, 'the page has a result');
    assert.deepEqual(JSON.parse(decodeURIComponent(found)), [], `DIORITE_SEED=${SEED}`);
  });
});

describe('the parts', () => {
  it('names are pushed apart as little as that takes, and stay within', () => {
    assert.deepEqual(apart([50, 52], [10, 10], 0, 100), [45, 55]);
    assert.deepEqual(apart([98, 99], [10, 10], 0, 100), [80, 90]);
    assert.deepEqual(apart([0, 0, 0], [10, 10, 10], 0, 100), [0, 10, 20]);
  });

  it('ticks are 1, 2 or 5 times a power of ten', () => {
    assert.deepEqual([4.1, 9, 26, 70_300, 0.4].map(tickStep), [1, 2, 10, 20_000, 0.1]);
  });

  it('a scale begins at 0, or, by powers of ten, around what there is', () => {
    const points = [3, 900].map((median, x) => ({ x: x + 1, median, min: median, max: median }));
    const plot = {
      name: '',
      title: '',
      xLabel: '',
      xUnit: 'count',
      yLabel: '',
      curves: [{ name: '', points }],
    } as const;
    assert.deepEqual(scaleOf(plot).ticks, [0, 200, 400, 600, 800, 1000]);
    const log = scaleOf({ ...plot, yScale: 'log' });
    assert.deepEqual(log.ticks, [2, 5, 10, 20, 50, 100, 200, 500, 1000]);
    assert.equal(log.part(2), 0);
    assert.ok(Math.abs(log.part(1000) - 1) < 1e-9 && log.part(0) >= 0);
  });

  it('text is broken between words, and what is left over ends in an ellipsis', () => {
    const width = textWidth('one two', 14);
    assert.deepEqual(wrapped('one two three', width, 14, 3), ['one two', 'three']);
    assert.deepEqual(wrapped('one two three four five', width, 14, 2), ['one two', 'three…']);
    for (const line of wrapped('anunbreakablewordthatislong and more', width, 14, 2))
      assert.ok(textWidth(line, 14) <= width, line);
  });
});
