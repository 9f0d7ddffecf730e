// Real files as subjects of the suite: any engine, any mode, in a directory of their own.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { portableRegionsAligned } from '../../src/memory/region.js';
import { Descriptors, parseFlags } from '../../src/targets/file/descriptors.js';
import { type Engine, Op } from '../../src/targets/file/engines/engine.js';
import { discover } from '../../src/targets/file/facts.js';
import { FileTarget } from '../../src/targets/file/file-target.js';
import { FilePublishing } from '../../src/targets/file/publish.js';
import { openInode } from '../../src/targets/inode/inode.js';
import type { IoOption } from '../../src/transfer/file-like.js';
import type { Publishing } from '../../src/transfer/target.js';
import { FaultyEngine, type Verdict } from '../support/faulty-engine.js';
import { tempDirectory } from '../support/temp.js';
import type { OpenOptions, Subject } from './subject.js';

/** Small, so that small files take several requests. */
const BEST_BYTES = 65_536;
const EIO = -5;
const OPS = { read: [Op.READ], write: [Op.WRITE], sync: [Op.FSYNC, Op.FDATASYNC] } as const;

/** Counts what goes to the engine, and answers one operation with EIO instead. */
export function judgeOf({ fails }: OpenOptions): (operation: { readonly op: Op }) => Verdict {
  if (fails === undefined) return () => undefined;
  const ops: readonly Op[] = OPS[fails.on];
  let count = 0;
  return ({ op }) => (ops.includes(op) && ++count === fails.at ? { result: EIO } : undefined);
}

export async function openTarget(
  t: TestContext,
  engine: Engine,
  io: IoOption,
  path: string,
  flags = 'r+',
): Promise<FileTarget> {
  const descriptors = await Descriptors.open(path, parseFlags(flags), undefined);
  const facts = discover(descriptors.fd, path, descriptors.stats, false);
  const notDirect = { ...facts.notDirect };
  if (io === 'direct' || io === 'prefer-direct') {
    const memory = engine.addresses || portableRegionsAligned() === true ? null : 'memory is not page-aligned';
    const refused = memory ?? (await descriptors.openDirect());
    notDirect.read ??= refused;
    notDirect.write ??= refused;
  }
  if (io === 'direct' && notDirect.write !== null) t.diagnostic(`not direct: ${notDirect.write}`);
  const inode = openInode(facts.inodeKey);
  const target = new FileTarget({
    descriptors,
    facts,
    engine,
    inode,
    io,
    notDirect,
    bestBytes: BEST_BYTES,
    fixed: true,
  });
  t.after(() => target.close());
  return target;
}

function look(path: string, offset: number, bytes: number): Uint8Array {
  const fd = openSync(path, 'r');
  try {
    const found = new Uint8Array(bytes);
    return found.subarray(0, readSync(fd, found, 0, bytes, offset));
  } finally {
    closeSync(fd);
  }
}

/** `engine`: made when the first file is opened, or why it cannot be had. */
export function file(name: string, io: IoOption, engine: () => Engine): Subject {
  return {
    name: `file: ${name}, ${io}`,
    properties: {
      seekable: true,
      knowsSize: true,
      grows: true,
      durable: 'sync',
      failedSync: 'poisons',
      holes: engine().supports(Op.SEEK_DATA),
      layout: false,
      rewritesEnds: io === 'direct',
      publishes: true,
      releases: 'answered',
    },
    async open(t, options) {
      const path = join(tempDirectory(t), 'file');
      writeFileSync(path, options.contents ?? new Uint8Array(0));
      const target = await openTarget(t, new FaultyEngine(engine(), judgeOf(options)), io, path);
      return { target, peek: async (offset, bytes) => look(path, offset, bytes) };
    },
    async store(t, { failing }) {
      // Before the directory's own cleanup, which is asked for next.
      t.after(() =>
        assert.deepEqual(
          readdirSync(directory).filter((called) => called.startsWith('.')),
          [],
        ),
      );
      const directory = tempDirectory(t);
      let begun = 0;
      const files = new FilePublishing({}, async (path) => {
        const fails = failing && ++begun === 2 ? ({ on: 'sync', at: 1 } as const) : undefined;
        const faulty = new FaultyEngine(engine(), judgeOf(fails === undefined ? {} : { fails }));
        return { target: await openTarget(t, faulty, io, String(path)), engineReason: null, appends: false };
      });
      const publishing: Publishing = {
        cannotPublish: files.cannotPublish,
        begin: (called, options) => files.begin(join(directory, called), options),
      };
      const lookUp = async (called: string): Promise<Uint8Array | null> => {
        const path = join(directory, called);
        return existsSync(path) ? readFileSync(path) : null;
      };
      return { publishing, look: lookUp };
    },
  };
}
