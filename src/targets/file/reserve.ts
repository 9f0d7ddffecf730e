// Room for what will be written: so that a full disk shows before the first byte.
import { fstat, ftruncate } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { DioriteError } from '../../base/errors.js';
import { errnoError } from '../../transfer/errno.js';
import type { DataRange } from '../../transfer/target.js';
import { Op } from './engines/engine.js';
import type { FileTarget } from './file-target.js';
import { run } from './run.js';

const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);

/** A map of more ranges than this is not reserved range by range: its sum is compared with the free space. */
const RANGES_MAX = 4096;
const CANNOT = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

/**
 * The size first: what is then allocated, and written, does not extend the file, which file systems do one request at
 * a time. Then the space of the data. Throws ENOSPC, with `path`, where it is known not to fit.
 */
export async function reserve(
  target: FileTarget,
  bytes: number,
  ranges: Iterable<DataRange> | AsyncIterable<DataRange>,
  path: string,
): Promise<void> {
  if (bytes === 0) return;
  await ftruncateFd(target.fd, bytes);
  let dataBytes = 0;
  let count = 0;
  let allocates = target.engine.supports(Op.FALLOCATE);
  for await (const { offset, length } of ranges) {
    dataBytes += length;
    if (allocates && count++ < RANGES_MAX) allocates = await allocate(target, offset, length, path);
  }
  if (!allocates || count > RANGES_MAX) await refuseIfFull(target, dataBytes, path);
}

/** False: the file system cannot. */
async function allocate(target: FileTarget, offset: number, length: number, path: string): Promise<boolean> {
  const result = await run(target.engine, { op: Op.FALLOCATE, fd: target.fd, offset, length, flags: 0 });
  if (result >= 0) return true;
  const error = errnoError(result, 'fallocate', path);
  if (CANNOT.has(error.code)) return false;
  throw error.code === 'ENOSPC' ? noSpace(path, error) : error;
}

async function refuseIfFull(target: FileTarget, dataBytes: number, path: string): Promise<void> {
  const { bavail, bsize, type } = await statfs(dirname(path));
  // File systems that do not count their blocks say 0 of 0.
  if (type === 0 || bavail * bsize >= dataBytes) return;
  // What was allocated before it turned out to be too much is counted twice otherwise.
  const { blocks } = await fstatFd(target.fd);
  if (bavail * bsize + blocks * 512 < dataBytes) throw noSpace(path, undefined);
}

function noSpace(path: string, cause: unknown): DioriteError {
  return new DioriteError(`No space left on device: it does not fit beside ${path}`, {
    code: 'ENOSPC',
    syscall: 'fallocate',
    path,
    cause,
  });
}
