// probe() of a path of this machine: what the kernel says of the file, its device and direct I/O.
import { close, constants, fstat, open as openFd, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { chooseEngine } from '../../targets/file/engines/choose.js';
import type { Engine } from '../../targets/file/engines/engine.js';
import { discover } from '../../targets/file/facts.js';
import { BEST_BYTES_DEFAULT } from '../../targets/file/limits.js';
import { paceStart } from '../../targets/file/paces.js';
import type { FileFacts } from '../../transfer/facts.js';
import { COPY_START } from '../copy-pace.js';
import { ADAPTED_DEPTH_MAX } from '../options.js';
import type { ProbedDefaults, ProbeResult } from '../probe.js';
import { deviceFacts } from './device.js';
import { aboutMachine } from './machine.js';

/** statx tells a file's alignment, but only of a file that there is. */
export async function probePath(name: string): Promise<ProbeResult> {
  // FIFOs and some character devices must not be opened to be looked at.
  const stats = await stat(name);
  const facts = stats.isFile() || stats.isDirectory() || stats.isBlockDevice() ? await openAndDiscover(name) : null;
  const found = facts ?? discover(-1, name, stats, false);
  const { engine, reason } = chooseEngine('auto');
  return {
    path: name,
    kind: found.kind,
    alignment: {
      memory: found.memoryAlignment,
      read: found.readAlignment,
      write: found.writeAlignment,
      end: found.endAlignment,
    },
    notDirect: found.kind === 'directory' ? { read: null, write: null } : found.notDirect,
    fileSystem: { name: found.fsName, magic: found.fsMagic, freeBytes: found.freeBytes },
    device: deviceFacts(found.device),
    defaults: defaultsOf(found, engine),
    engine: { name: engine.name, whyNotUring: reason, maxSegments: engine.maxSegments, depth: engine.depth },
    ...aboutMachine(),
    notes: notesOn(found),
  };
}

function defaultsOf(facts: FileFacts, engine: Engine): ProbedDefaults {
  const copy = { copy: COPY_START, copyDepthMax: ADAPTED_DEPTH_MAX };
  if (facts.kind === 'stream' || facts.kind === 'char') {
    const start = { depth: 1, requestBytes: BEST_BYTES_DEFAULT, why: 'bytes go in order, one request after the other' };
    return { start, bounds: null, ...copy };
  }
  return { ...paceStart(facts, engine), ...copy };
}

async function openAndDiscover(path: string): Promise<FileFacts> {
  const fd = await promisify(openFd)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats: Stats = await promisify(fstat)(fd);
    return discover(fd, path, stats, isatty(fd));
  } finally {
    await promisify(close)(fd);
  }
}

function notesOn(facts: FileFacts): string[] {
  const notes: string[] = [];
  if (facts.kind === 'directory')
    notes.push(
      'A directory: what statx says of a file is not known before there is one. Probe a file for its own word.',
    );
  if (facts.kind === 'stream' || facts.kind === 'char')
    notes.push('Bytes go in order and through the kernel: there is no direct I/O to ask about.');
  if (facts.memoryAlignment.from === 'assumed')
    notes.push('Nothing says what memory alignment is needed: a page is safe everywhere.');
  return notes;
}
