// vmsplice: memory that is given away. It is the region's own, so that nobody else can hold it, write to it or reuse it.
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import { TWO_32 } from '../../base/integers.js';
import { loadAddon } from '../../memory/addon.js';
import type { Region } from '../../memory/region.js';
import { EAGAIN, errnoError } from '../../transfer/errno.js';
import { Op } from '../file/engines/engine.js';
import { Attempts } from './attempts.js';
import type { PipeTarget } from './pipe-target.js';
import { SPLICE_F_NONBLOCK } from './steps.js';

/** splice(2). */
const SPLICE_F_GIFT = 0x8;

/** Puts what lies behind the first `at` bytes into the pipe, or some of it: a count, or −errno. */
export type Put = (at: number) => Promise<number>;

/** See PipeTarget.give. */
export async function give(pipe: PipeTarget, region: Region, signal: AbortSignal | undefined): Promise<void> {
  const addon = loadAddon();
  if (addon === null || !region.native)
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${pipe.name}: giving memory away needs the addon`);
  const { handle, length } = region;
  const address = addon.addressOf(region.buffer);
  // From here on nobody has a view of it. The handle keeps it mapped until the pipe has pages of its own of it.
  region[Symbol.dispose]();
  assert(address > 0 && region.disposed, 'the memory has one owner, and it is not the caller');
  const iovec = new Uint32Array(4);
  await putAll(pipe, length, signal, (at) => {
    iovec.set([(address + at) % TWO_32, Math.floor((address + at) / TWO_32), length - at, 0]);
    const flags = SPLICE_F_GIFT | SPLICE_F_NONBLOCK;
    return new Promise((resolve) => {
      addon.job(Op.VMSPLICE, pipe.fd, 0, length - at, flags, iovec, 0, 1, handle, resolve);
    });
  });
}

/** All of `length` bytes, as the pipe has room. */
export async function putAll(
  pipe: PipeTarget,
  length: number,
  signal: AbortSignal | undefined,
  put: Put,
): Promise<void> {
  const attempts = new Attempts();
  let pauseMs = 0;
  for (let at = 0; at < length; ) {
    await pipe.untilReady('write', signal, pauseMs);
    const moved = await put(at);
    if (moved < 0 && moved !== EAGAIN) throw errnoError(moved, 'vmsplice', pipe.name);
    if (moved > 0) attempts.moved();
    at += Math.max(0, moved);
    pauseMs = moved === EAGAIN ? attempts.beaten() : 0;
    if (pauseMs < 0 || (moved === 0 && !attempts.empty())) throw pipe.stuck('write');
  }
}
