// The progress bar: what fits a terminal's width, how often it is drawn, that it goes away. And numbers for people.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatCount, formatDuration, formatList, formatRate, formatRows } from './format.js';
import { drawProgress, ProgressBar } from './progress.js';

const GIB = 1024 ** 3;
const HALF = { phase: 'copy', doneBytes: GIB / 2, totalBytes: GIB } as const;

test('a wide terminal shows everything', () => {
  assert.equal(
    drawProgress(HALF, 1000, 120),
    'copying    [####################....................]   50%   512 MiB of 1.00 GiB   537 MB/s  1.00 s left',
  );
});

test('no line is wider than the terminal, whatever its width', () => {
  for (let columns = 1; columns < 200; columns++) {
    for (const doneBytes of [0, 1, GIB / 3, GIB]) {
      const line = drawProgress({ phase: 'verify', doneBytes, totalBytes: GIB }, 700, columns);
      assert.ok(line.length < columns, `${line.length} of ${columns}`);
      assert.ok(!line.includes('NaN') && !line.includes('Infinity'), line);
    }
  }
});

test('100 % is shown when it is done, not before', () => {
  assert.match(drawProgress({ ...HALF, doneBytes: GIB - 1 }, 1000, 100), / 99%/);
  assert.match(drawProgress({ ...HALF, doneBytes: GIB }, 1000, 100), /100%/);
});

test('a size that is not known shows what is', () => {
  assert.equal(
    drawProgress({ phase: 'copy', doneBytes: 1000, totalBytes: undefined }, 10, 80),
    'copying    1000 bytes  0.1 MB/s',
  );
});

test('it is drawn at most ten times a second, and taken away', () => {
  const written: string[] = [];
  let now = 0;
  const bar = new ProgressBar({ columns: 80, write: (text) => written.push(text) }, () => now);
  bar.clear();
  for (; now < 1000; now++) bar.update({ ...HALF, doneBytes: now });
  assert.equal(written.length, 10);
  bar.clear();
  bar.clear();
  assert.equal(written.length, 11);
  assert.equal(written.at(-1), '\r\x1b[K');
});

test('a terminal that does not know its width has 80 columns', () => {
  for (const columns of [undefined, 0]) {
    const written: string[] = [];
    new ProgressBar({ columns, write: (text) => written.push(text) }, () => 1000).update(HALF);
    assert.match(written.join(''), /copying .* 50%/);
  }
});

test('numbers', () => {
  assert.deepEqual([0, 1, 1023, 1024, 10_230, 1024 ** 2 - 1, 1.5 * GIB].map(formatBytes), [
    '0 bytes',
    '1 byte',
    '1023 bytes',
    '1.00 KiB',
    '9.99 KiB',
    '1024 KiB',
    '1.50 GiB',
  ]);
  assert.deepEqual([0, 9994, 12_345, 59_960, 187_000, 3_723_000].map(formatDuration), [
    '0.00 s',
    '9.99 s',
    '12.3 s',
    '1:00',
    '3:07',
    '1:02:03',
  ]);
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
  assert.equal(formatRate(1e9, 500), '2000 MB/s');
  assert.equal(formatRate(1, 0), '0.0 MB/s');
  assert.equal(
    formatRows([
      ['a', '1'],
      ['long', ''],
    ]),
    'a     1\nlong',
  );
  assert.equal(formatRows([['a', '1\n2']], ' '), ' a  1\n    2');
  assert.equal(formatList(['one', 'two', 'three'], 9), 'one, two,\nthree');
  assert.equal(formatList([], 9), '');
});
