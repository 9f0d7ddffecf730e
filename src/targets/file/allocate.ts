// Reserves space in a file: fallocate(2), and what its refusals mean.
import { type DioriteError, errors } from '../../base/errors.js';
import { errnoError } from '../../transfer/errno.js';
import { type Engine, Op } from './engines/engine.js';
import { run } from './run.js';

/** linux/falloc.h */
const FALLOC_FL_KEEP_SIZE = 1;
const CANNOT = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

interface Open {
  readonly name: string;
  readonly engine: Engine;
  readonly fd: number;
}

export async function allocate(file: Open, offset: number, length: number, keepSize: boolean): Promise<void> {
  const { engine, name, fd } = file;
  if (!engine.supports(Op.FALLOCATE)) throw refusal(name, 'fallocate needs the native addon');
  const flags = keepSize ? FALLOC_FL_KEEP_SIZE : 0;
  const result = await run(engine, { op: Op.FALLOCATE, fd, offset, length, flags });
  if (result >= 0) return;
  const error = errnoError(result, 'fallocate', name);
  throw CANNOT.has(error.code) ? refusal(name, `the file system or device answers ${error.code}`) : error;
}

function refusal(path: string, why: string): DioriteError {
  return errors.make('ERR_DIORITE_UNSUPPORTED', `${path}: space cannot be reserved: ${why}`, { path });
}
