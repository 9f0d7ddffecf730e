// A public file over a faulty engine: the whole way from the handle to the kernel, with faults in between.
import { closeSync, openSync } from 'node:fs';
import { File } from '../../src/handle/file.js';
import { Descriptors, parseFlags } from '../../src/targets/file/descriptors.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import type { Operation } from '../../src/targets/file/engines/engine.js';
import { discover } from '../../src/targets/file/facts.js';
import { FileTarget } from '../../src/targets/file/file-target.js';
import { BEST_BYTES_DEFAULT } from '../../src/targets/file/limits.js';
import { openInode } from '../../src/targets/inode/inode.js';
import type { FileFacts } from '../../src/transfer/facts.js';
import type { IoOption } from '../../src/transfer/file-like.js';
import { FaultyEngine, type Verdict } from './faulty-engine.js';

export interface FaultyFileOptions {
  readonly io?: IoOption;
  /** Changes what discovery found: a file system that says nothing of alignments, say. */
  readonly facts?: Partial<FileFacts>;
  readonly judge: (operation: Operation) => Verdict;
}

/** The file is created and emptied. */
export async function openFaulty(path: string, options: FaultyFileOptions): Promise<File> {
  closeSync(openSync(path, 'w'));
  const { engine: real, reason } = chooseEngine('auto');
  const engine = new FaultyEngine(real, options.judge);
  const descriptors = await Descriptors.open(path, parseFlags('r+'), undefined);
  const facts = { ...discover(descriptors.fd, path, descriptors.stats, false), ...options.facts };
  const notDirect = { ...facts.notDirect };
  if ((await descriptors.openDirect()) !== null) throw new Error('these tests need a file system with O_DIRECT');
  const target = new FileTarget({
    descriptors,
    facts,
    engine,
    inode: openInode(facts.inodeKey),
    io: options.io ?? 'prefer-direct',
    notDirect,
    bestBytes: BEST_BYTES_DEFAULT,
  });
  return new File({ target, engineReason: reason, appends: false, depth: undefined, bytesInFlight: undefined });
}
