// The profile's table: time goes to functions, idle time to nobody, native code is not told by a wrong name.
import assert from 'node:assert/strict';
import type { Profiler } from 'node:inspector';
import { describe, it } from 'node:test';
import { profileText } from '../../bench/profile/page.js';
import { HOT_PATHS } from '../../bench/profile/paths.js';
import { selfTimes } from '../../bench/profile/self-times.js';
import { MACHINE } from './sample.js';

function node(id: number, functionName: string, url: string): Profiler.ProfileNode {
  return { id, callFrame: { functionName, url, scriptId: '1', lineNumber: 1, columnNumber: 1 } };
}

const PROFILE: Profiler.Profile = {
  nodes: [
    node(1, '(idle)', ''),
    node(2, 'draw', 'file:///somewhere/of/mine/dist/src/plan/planner.js'),
    node(3, 'close', ''),
    node(4, '(garbage collector)', ''),
    node(5, 'processTicks', 'node:internal/process'),
    node(6, 'draw', 'file:///somewhere/of/mine/dist/src/plan/planner.js'),
  ],
  startTime: 0,
  endTime: 1000,
  samples: [1, 2, 3, 4, 5, 6],
  timeDeltas: [500, 100, 200, 50, 50, 100],
};

describe('self times', () => {
  it('are of the time that was not idle, the same function in several places together', () => {
    const { times, idlePercent } = selfTimes(PROFILE);
    assert.equal(idlePercent, 50);
    assert.deepEqual(
      times.map(({ percent }) => percent),
      [40, 40, 10, 10],
    );
    assert.deepEqual(times[0], { name: 'draw', file: 'src/plan/planner.ts', percent: 40 });
    assert.match(times[1]?.name ?? '', /native calls/);
  });

  it('name no path of the machine', () => {
    const found = {
      name: 'read',
      operationsPerSecond: 70_000,
      bytesByOperation: 500,
      keptBytesByOperation: 0,
      operations: 1_000_000,
      collections: 0,
      ...{ selfTimes: selfTimes(PROFILE).times, idlePercent: 50 },
    };
    const text = profileText([found], MACHINE, new Date(0));
    assert.doesNotMatch(text, /somewhere/);
    assert.match(text, /\| read \| 500 \| 0 \| 1,000,000 \|/);
    assert.match(text, /\| 40\.0 \| draw \| src\/plan\/planner\.ts \|/);
  });
});

describe('hot paths', () => {
  it('run whole batches, of names that are told apart', () => {
    assert.equal(new Set(HOT_PATHS.map(({ name }) => name)).size, HOT_PATHS.length);
    for (const { name, batch, total } of HOT_PATHS) assert.ok(batch > 0 && total >= batch, name);
  });
});
