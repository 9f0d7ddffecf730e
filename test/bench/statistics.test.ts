// What figures are made of: medians, ratios by run, turns, and bars that hold or do not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interleave, judgeAtMost, judgeRatio, newSeries, rowsOf } from '../../bench/harness.js';
import { bytes, short, shown } from '../../bench/report/numbers.js';
import { best, median, ratios, summary } from '../../bench/statistics.js';

describe('medians and ratios', () => {
  it('a median is the middle one, or lies between the two', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(median([7]), 7);
    assert.throws(() => median([]));
    const given = [2, 1];
    median(given);
    assert.deepEqual(given, [2, 1], 'the runs keep their order');
  });

  it('a ratio says how many times better we are, run by run, whether more or less is better', () => {
    assert.deepEqual(ratios([10, 20], [5, 40], 'higher'), [2, 0.5]);
    assert.deepEqual(ratios([10, 20], [5, 40], 'lower'), [0.5, 2]);
    assert.throws(() => ratios([1], [1, 2], 'higher'));
    assert.deepEqual(summary(ratios([10, 20, 30], [10, 10, 10], 'higher')), { median: 2, min: 1, max: 3 });
  });

  it('the best of several is taken run by run', () => {
    assert.deepEqual(
      best(
        [
          [1, 5],
          [4, 2],
        ],
        'higher',
      ),
      [4, 5],
    );
    assert.deepEqual(
      best(
        [
          [1, 5],
          [4, 2],
        ],
        'lower',
      ),
      [1, 2],
    );
  });
});

describe('turns', () => {
  it('each round begins with the next contender; rare ones take part in every n-th', async () => {
    const order: string[] = [];
    const contender = (name: string, every = 1) => ({
      name,
      every,
      measure: async () => {
        order.push(name);
        return { value: order.length, extras: { n: order.length } };
      },
    });
    const series = await interleave([contender('a'), contender('b'), contender('c', 2)], 3);
    assert.equal(order.join(''), 'abc' + 'ba' + 'cab');
    assert.deepEqual(
      series.map(({ values }) => values.length),
      [3, 3, 2],
    );
    assert.deepEqual(series[0]?.extras.get('n'), series[0]?.values);
  });

  it('the first series is ours, the ratios of the others say how much better it is', () => {
    const ours = { ...newSeries('ours'), values: [10, 10] };
    const peer = { ...newSeries('peer'), values: [20, 40] };
    const rows = rowsOf([ours, peer], 'lower');
    assert.equal(rows[0]?.ratio, null);
    assert.deepEqual(rows[1]?.ratio, { median: 3, min: 2, max: 4 });
  });
});

describe('bars', () => {
  it('hold from where they say, and carry their figure', () => {
    const verdict = judgeRatio({ bar: 'x', ratios: [0.97, 0.98, 0.9], least: 1, holdsFrom: 0.97 });
    assert.equal(verdict.passed, true);
    assert.match(verdict.measured, /0\.97 × \(3 runs, 0\.90 to 0\.98; holds from 0\.97\)/);
    assert.deepEqual(verdict.figure, { median: 0.97, min: 0.9, max: 0.98, unit: '×', limit: 1, limitIs: 'least' });
    assert.equal(judgeRatio({ bar: 'x', ratios: [0.99], least: 1 }).passed, false);
  });

  it('of what could not be measured are open', () => {
    assert.equal(judgeAtMost('x', Number.NaN, 1, 'ms').passed, null);
    assert.equal(judgeAtMost('x', 1, 1, 'ms').passed, true);
    assert.equal(judgeAtMost('x', 1.01, 1, 'ms').passed, false);
  });
});

describe('numbers', () => {
  it('have three digits that count', () => {
    assert.deepEqual([0.0123, 1.234, 12.34, 123.4, 70_312, 5, Number.NaN].map(shown), [
      '0.012',
      '1.23',
      '12.3',
      '123',
      '70,312',
      '5',
      '?',
    ]);
    assert.deepEqual([0, 2500, 20_000, 1_500_000].map(short), ['0', '2,500', '20 k', '1.5 M']);
    assert.deepEqual([512, 4096, 1048576, 16 * 2 ** 30].map(bytes), ['512 B', '4 KiB', '1 MiB', '16 GiB']);
  });
});
