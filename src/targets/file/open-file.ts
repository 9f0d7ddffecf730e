// Opens a path as a target: descriptors, discovery, engine, and whether direct I/O can be had.
import type { PathLike } from 'node:fs';
import { type DioriteError, errors } from '../../base/errors.js';
import { portableRegionsAligned } from '../../memory/region.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { IoOption } from '../../transfer/file-like.js';
import { openInode } from '../inode/inode.js';
import { PipeTarget } from '../pipe/pipe-target.js';
import { Descriptors, parseFlags } from './descriptors.js';
import { chooseEngine } from './engines/choose.js';
import { type Engine, Op } from './engines/engine.js';
import { discover } from './facts.js';
import { FileTarget } from './file-target.js';
import { APPEND_BYTES_DEFAULT, BEST_BYTES_DEFAULT } from './limits.js';

export interface FileTargetOptions {
  readonly mode?: number | string | undefined;
  readonly io?: IoOption | undefined;
  readonly engine?: 'auto' | 'uring' | 'threads' | undefined;
  /** How large a request is made, in bytes, where the memory allows. Default: found while they run, from 1 MiB on. */
  readonly requestBytes?: number | undefined;
}

export interface OpenedFile {
  readonly target: FileTarget;
  readonly engineReason: string | null;
  readonly appends: boolean;
}

/** As OpenedFile, of what the path turned out to be: a named pipe is a stream. */
export interface OpenedPath {
  readonly target: FileTarget | PipeTarget;
  readonly engineReason: string | null;
  readonly appends: boolean;
}

/** For who knows that it is a file. */
export async function openFileTarget(
  path: PathLike,
  flags: string | number | undefined,
  options: FileTargetOptions,
): Promise<OpenedFile> {
  const { target, ...rest } = await openTarget(path, flags, options);
  if (target instanceof FileTarget) return { target, ...rest };
  await target.close();
  throw refusal(path, 'it is a stream, and no file', 'ERR_DIORITE_UNSUPPORTED');
}

export async function openTarget(
  path: PathLike,
  flags: string | number | undefined,
  options: FileTargetOptions,
): Promise<OpenedPath> {
  const io = options.io ?? 'prefer-direct';
  const { engine, reason } = chooseEngine(options.engine ?? 'auto');
  if (options.engine === 'uring' && engine.name !== 'uring') {
    throw refusal(path, `engine: 'uring' cannot be had: ${reason}`, 'ERR_DIORITE_UNSUPPORTED');
  }
  if (io === 'drop-behind') mustDropBehind(path, engine);
  const descriptors = await Descriptors.open(path, parseFlags(flags), options.mode, io === 'direct');
  try {
    const facts = discover(descriptors.fd, String(path), descriptors.stats, descriptors.isTerminal);
    const bestBytes = options.requestBytes ?? BEST_BYTES_DEFAULT;
    if (facts.kind === 'stream') {
      const target = streamOf(descriptors, facts, engine, bestBytes);
      return { target, engineReason: reason, appends: descriptors.appends };
    }
    const notDirect = await openDirect(descriptors, facts, io, engine.addresses);
    if (io === 'direct') mustBeDirect(descriptors, notDirect);
    // Last: whatever was refused has left the old bytes alone.
    await descriptors.truncateIfAsked();
    const inode = openInode(facts.inodeKey);
    const appendBytes = options.requestBytes ?? APPEND_BYTES_DEFAULT;
    const fixed = options.requestBytes !== undefined;
    const target = new FileTarget({ descriptors, facts, engine, inode, io, notDirect, bestBytes, fixed, appendBytes });
    return { target, engineReason: reason, appends: descriptors.appends };
  } catch (error) {
    await descriptors.undo();
    throw error;
  }
}

function streamOf(descriptors: Descriptors, facts: FileFacts, engine: Engine, bestBytes: number): PipeTarget {
  const { fd } = descriptors;
  const isPipe = descriptors.stats.isFIFO();
  const close = (): Promise<void> => descriptors.close();
  return new PipeTarget({ fd, name: String(descriptors.path), facts, engine, bestBytes, isPipe, close });
}

type NotDirect = { read: string | null; write: string | null };

async function openDirect(
  descriptors: Descriptors,
  facts: FileFacts,
  io: IoOption,
  addresses: boolean,
): Promise<NotDirect> {
  const notDirect = { ...facts.notDirect };
  if (io === 'buffered' || io === 'drop-behind') return notDirect;
  if (descriptors.appends) {
    // The kernel puts an appending write where the file ends, whatever its offset: unaligned, in general.
    notDirect.write ??= 'O_APPEND: where the write goes is not known before';
  }
  const memory = addresses ? true : portableRegionsAligned();
  if (memory !== true) {
    const reason = `no addon, and page-aligned memory ${memory === false ? 'cannot be had' : 'could not be checked'}`;
    notDirect.read ??= reason;
    notDirect.write ??= reason;
  }
  if (notDirect.read !== null && notDirect.write !== null) return notDirect;
  const refused = await descriptors.openDirect();
  if (refused !== null) {
    notDirect.read ??= refused;
    notDirect.write ??= refused;
  }
  return notDirect;
}

function mustBeDirect(descriptors: Descriptors, notDirect: NotDirect): void {
  const reason = (descriptors.reads ? notDirect.read : null) ?? (descriptors.writes ? notDirect.write : null);
  if (reason !== null)
    throw refusal(descriptors.path, `io: 'direct' cannot be had: ${reason}`, 'ERR_DIORITE_NOT_DIRECT');
}

function mustDropBehind(path: PathLike, engine: Engine): void {
  if (engine.supports(Op.WRITE_BACK) && engine.supports(Op.DROP_CACHE)) return;
  throw refusal(
    path,
    "io: 'drop-behind' needs the addon: nothing else writes back and drops",
    'ERR_DIORITE_UNSUPPORTED',
  );
}

function refusal(
  path: PathLike,
  message: string,
  code: 'ERR_DIORITE_NOT_DIRECT' | 'ERR_DIORITE_UNSUPPORTED',
): DioriteError {
  return errors.make(code, `${String(path)}: ${message}`, { path: String(path) });
}
