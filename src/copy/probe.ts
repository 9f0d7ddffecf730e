// probe(): what direct I/O asks for at a path, where that was learnt, and what this machine can do. Writes nothing.
import { close, constants, fstat, open as openFd, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { release } from 'node:os';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { addonProblem } from '../memory/addon.js';
import { chooseEngine, uringFeatures } from '../targets/file/engines/choose.js';
import { discover } from '../targets/file/facts.js';
import type { FileFacts, Learnt } from '../transfer/facts.js';
import { type Capability, capabilities } from './capabilities.js';
import { type DeviceFacts, deviceFacts } from './device.js';
import type { Path } from './options.js';
import { toLocation } from './places.js';

export interface ProbedAlignment {
  readonly memory: Learnt;
  readonly read: Learnt;
  readonly write: Learnt;
  /** Where the ends of an unaligned write are cut. */
  readonly end: Learnt;
}

export interface ProbeResult {
  readonly path: string;
  readonly kind: FileFacts['kind'];
  /** For a directory: of a file there, as far as that is known without one. */
  readonly alignment: ProbedAlignment;
  /** Why O_DIRECT is of no use here, by direction; null: it is. */
  readonly notDirect: FileFacts['notDirect'];
  readonly fileSystem: { readonly name: string; readonly magic: number; readonly freeBytes: number };
  /** Null where no single block device lies under the file system. */
  readonly device: DeviceFacts | null;
  readonly engine: {
    readonly name: string;
    /** Why it is not io_uring; null when it is. */
    readonly whyNotUring: string | null;
    readonly maxSegments: number;
    readonly depth: number;
  };
  readonly uring: {
    readonly available: boolean;
    readonly reason: string | null;
    readonly features: readonly string[];
    readonly setup: readonly string[];
    readonly opcodes: number;
  };
  /** Null: the native addon is loaded. */
  readonly addonProblem: string | null;
  readonly capabilities: readonly Capability[];
  readonly machine: { readonly node: string; readonly kernel: string; readonly arch: string };
  /** What to know about these answers. */
  readonly notes: readonly string[];
}

/**
 * Looks at a file, a directory or a block device. Nothing is ever written, or created, merely to learn something:
 * statx tells a file's alignment, but only of a file that there is.
 */
export async function probe(path: Path): Promise<ProbeResult> {
  const { name } = toLocation(path, 'path');
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
    engine: { name: engine.name, whyNotUring: reason, maxSegments: engine.maxSegments, depth: engine.depth },
    uring: uringFeatures(),
    addonProblem: addonProblem(),
    capabilities: capabilities(),
    machine: { node: process.versions.node, kernel: release(), arch: process.arch },
    notes: notesOn(found),
  };
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
