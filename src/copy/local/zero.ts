// Makes a range of a file or a device read as zeros without sending them, where that can be done.
import type { Target } from '../../transfer/target.js';
import { codeOf } from '../code-of.js';

/** False: zeros have to be written. */
export async function zeroByTarget({ holes }: Target, offset: number, length: number): Promise<boolean> {
  try {
    await holes?.zero(offset, length);
    return holes !== undefined;
  } catch (error) {
    if (codeOf(error) === 'ERR_DIORITE_UNSUPPORTED') return false;
    throw error;
  }
}
