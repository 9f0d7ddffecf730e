// What is kept of the figures: the newest of each case, and nothing measured is lost to what was not.
import assert from 'node:assert/strict';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { addonBanner, addonReport } from '../../bench/addon-state.js';
import { parseOptions } from '../../bench/options.js';
import { reportText } from '../../bench/report/markdown.js';
import { memoryResult } from '../../bench/report/memory.js';
import { sectionsOf } from '../../bench/report/write.js';
import { mergeResults, parseStore, readStore, storeText, writeStore } from '../../bench/store.js';
import { tempDirectory } from '../support/temp.js';
import { recorded, row } from './sample.js';

const OLD = '2026-01-01T00:00:00.000Z';
const NEW = '2026-01-02T00:00:00.000Z';

describe('merging', () => {
  it('keeps the newest of each case, whichever comes first, in the order in which cases were seen', () => {
    const a = recorded({ name: 'a', at: OLD });
    const newer = recorded({ name: 'a', at: NEW });
    const b = recorded({ name: 'b', at: OLD });
    assert.deepEqual(mergeResults([a, b], [newer]), [newer, b]);
    assert.deepEqual(mergeResults([newer, b], [a]), [newer, b]);
  });

  it('takes no quick figure for a full one, and a full one for a newer quick one', () => {
    const full = recorded({ name: 'a', at: OLD });
    const quick = recorded({ name: 'a', at: NEW, quick: true });
    assert.deepEqual(mergeResults([full], [quick]), [full]);
    assert.deepEqual(mergeResults([quick], [full]), [full]);
    assert.deepEqual(mergeResults([], [quick]), [quick]);
  });

  it('takes nothing skipped for what was measured', () => {
    const measured = recorded({ name: 'a', at: OLD });
    const skipped = recorded({ name: 'a', at: NEW, runs: 0, rows: [] });
    assert.deepEqual(mergeResults([measured], [skipped]), [measured]);
    assert.deepEqual(mergeResults([skipped], [measured]), [measured]);
  });
});

describe('the file', () => {
  it('gives back what it was given, figures to six digits, and lists of figures on a line each', (t) => {
    const path = join(tempDirectory(t), 'folder', 'results.json');
    const result = recorded({ name: 'a', rows: [row('diorite', 1 / 3, 0.25, 123456789)] });
    writeStore(path, [result]);
    const [back] = readStore(path);
    assert.deepEqual(back?.rows[0]?.values, [0.25, 0.333333, 123456789]);
    assert.match(storeText([result]), /"values": \[0\.25, 0\.333333, 123456789\]/);
    assert.deepEqual(readStore(join(path, '..', 'none.json')), []);
  });

  it('of something else is refused by name', () => {
    assert.throws(() => parseStore('{"results":[]}', 'x.json'), /x\.json/);
  });
});

/** One bar more than the cases have: peak memory, which is drawn from all of them. */
describe('the report', () => {
  it('puts first what falls short, and names what was not measured', () => {
    const verdicts = [
      { bar: '≥ 2 × | peer', measured: '1.50 ×', passed: false },
      { bar: 'fine', measured: 'yes', passed: true },
      { bar: 'open', measured: 'skipped: no fio', passed: null },
    ];
    const result = recorded({ name: 'a', verdicts });
    const text = reportText(sectionsOf([result]), new Map(), ['b']);
    assert.match(text, /2 bars are passed, 1 fall short, 1 could not be judged/);
    assert.match(text, /Not measured yet: b/);
    const short = text.indexOf('## What falls short');
    assert.ok(short > 0 && short < text.indexOf('### a:'));
    assert.match(text, /≥ 2 × \\\| peer/);
    assert.match(text, /skipped: no fio/);
  });

  it('says which rows were measured without the addon, quickly, on another machine or beside greedy neighbours', () => {
    const one = recorded({ name: 'a', addon: 'missing', quick: true, stolenPercent: 12 });
    const two = recorded({ name: 'b', machine: { ...one.machine, cpu: 'another' } });
    const text = reportText(sectionsOf([one, two]), new Map(), []);
    assert.match(text, /Without the native addon.*: a, peak-memory\./);
    assert.match(text, /the native addon was missing/);
    assert.match(text, /quick run: not to judge by/);
    assert.match(text, /gave 12 %/);
    assert.match(text, /Machine A: .*nobody[\s\S]*Machine B: another/);
  });
});

describe('peak memory', () => {
  it('is of our processes where there are some, of the case’s own where not, without what that holds', () => {
    const extras = { 'peak MiB': 100 };
    const children = [
      { ...row('diorite copy', 1, 1, 1), extras },
      { ...row('dd', 1, 1, 1), extras: { 'peak MiB': 900 } },
    ];
    const results = [
      recorded({ name: 'copy', rows: children, peakMib: 500 }),
      recorded({ name: 'walk', peakMib: 1100, heldMib: 1024 }),
      recorded({ name: 'skipped', runs: 0, rows: [], peakMib: 9999 }),
    ];
    const found = memoryResult(results);
    assert.deepEqual(
      found?.rows.map(({ name, median }) => [name, Math.round(median)]),
      [
        ['copy: diorite copy', 105],
        ['walk', 80],
      ],
    );
    assert.equal(found?.verdicts[0]?.passed, true);
    assert.equal(memoryResult([]), undefined);
  });
});

describe('the addon', () => {
  it('is loudly missing, loudly stale, or not spoken of', (t) => {
    const root = tempDirectory(t);
    mkdirSync(join(root, 'native'));
    mkdirSync(join(root, 'build', 'Release'), { recursive: true });
    const built = join(root, 'build/Release/diorite.node');
    for (const path of [built, join(root, 'native', 'ring.c'), join(root, 'binding.gyp')]) writeFileSync(path, '');
    const at = (path: string, seconds: number): void => utimesSync(path, seconds, seconds);
    at(join(root, 'binding.gyp'), 10);
    at(join(root, 'native', 'ring.c'), 20);
    at(built, 30);
    assert.equal(addonReport(root, null).state, 'built');
    assert.equal(addonBanner(addonReport(root, null)), '');
    at(join(root, 'native', 'ring.c'), 40);
    assert.match(addonBanner(addonReport(root, null)), /THE NATIVE ADDON IS STALE/);
    assert.match(
      addonBanner(addonReport(root, 'it was not built')),
      /THE NATIVE ADDON IS MISSING[\s\S]*it was not built/,
    );
  });
});

describe('the command line', () => {
  it('has one mode at a time, and a number of runs that is one', () => {
    assert.deepEqual(parseOptions(['--case', 'a', 'b', '--quick']).names, ['a', 'b']);
    assert.equal(parseOptions(['--render', 'x.json']).mode, 'render');
    assert.throws(() => parseOptions(['--render', '--profile']), RangeError);
    assert.throws(() => parseOptions(['--runs', '0']), /--runs/);
    assert.throws(() => parseOptions(['--runs', 'many']), /--runs/);
  });
});
