// The simulator is held to the contract in every shape that it plays.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type FaultRule, type SimOptions, SimStore, SimTarget } from '../../src/targets/sim/index.js';
import { SMALL, SMALL_4K } from '../transfer/limits.js';
import { TARGETS } from '../transfer/targets.js';
import type { OpenOptions, Properties, Subject } from './subject.js';
import { conform } from './suite.js';

/** Small requests, and a queue that is soon full. */
const BASE: SimOptions = { limits: SMALL, queueDepth: 8, cancel: 'honoured' };

function propertiesOf(options: SimOptions): Properties {
  const isPipe = options.kind === 'pipe';
  return {
    seekable: !isPipe,
    knowsSize: !isPipe && options.knowsSize !== false,
    grows: options.kind === undefined,
    durable: isPipe ? 'never' : (options.durable ?? 'sync'),
    failedSync: options.failedSync ?? 'loses',
    holes: !isPipe && options.mapsHoles !== false,
    layout: options.striping !== undefined,
    rewritesEnds: options.ends === 'rewrite',
    publishes: options.kind === undefined,
    releases: options.commits === undefined ? 'answered' : 'durable',
  };
}

function faultsOf({ fails }: OpenOptions): FaultRule[] {
  return fails === undefined ? [] : [{ fault: 'EIO', on: fails.on, at: fails.at }];
}

/** Contents are there before anything counts: what a target holds was written, and synced, by somebody else. */
function open(t: TestContext, options: SimOptions, wanted: OpenOptions): SimTarget {
  const { contents } = wanted;
  const size = options.kind === 'device' ? 1 << 20 : (contents?.length ?? 0);
  const target = new SimTarget({ ...options, size, faults: faultsOf(wanted) });
  if (contents !== undefined) target.media.write(0, contents);
  target.media.sync();
  t.after(() => {
    assert.deepEqual(target.violations, []);
    assert.equal(target.stats.inFlight, 0);
  });
  return target;
}

function peek(target: SimTarget, offset: number, bytes: number): Uint8Array {
  const found = new Uint8Array(Math.max(0, Math.min(bytes, target.media.size - offset)));
  target.media.read(offset, found);
  return found;
}

function simulated(name: string, shape: SimOptions): Subject {
  const options = { ...BASE, ...shape };
  const properties = propertiesOf(options);
  const cannotPublish = properties.publishes ? undefined : 'it stands for itself, and can only be written in place';
  return {
    name: `simulator: ${name}`,
    properties,
    async open(t, wanted) {
      const target = open(t, options, wanted);
      return { target, peek: async (offset, bytes) => peek(target, offset, bytes) };
    },
    async store(_t, { failing }) {
      const failAt = failing ? ({ publish: 2, step: 'sync' } as const) : undefined;
      const publishing = new SimStore({ target: options, cannotPublish, failAt });
      const look = async (called: string): Promise<Uint8Array | null> => {
        const target = publishing.lookUp(called);
        return target === null ? null : peek(target, 0, 2 ** 30);
      };
      return { publishing, look };
    },
  };
}

const SHAPES: Record<string, SimOptions> = {
  'a file': {},
  'a file of blocks of 4096, ends rewritten': { limits: SMALL_4K, ends: 'rewrite' },
  'releases later than answers': { releaseLatency: { minNanos: 1000, meanNanos: 900_000 } },
  'a failed sync poisons': { failedSync: 'poisons' },
  'a failed sync keeps': { failedSync: 'keeps' },
  'no map of holes, cannot cancel': { mapsHoles: false, cancel: 'ignored' },
  ...TARGETS,
};

for (const [name, shape] of Object.entries(SHAPES)) conform(simulated(name, shape));
