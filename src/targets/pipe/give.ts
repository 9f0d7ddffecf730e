// vmsplice: memory that is given away. It is the region's own, so that nobody else can hold it, write to it or reuse it.
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import type { Region } from '../../memory/region.js';
import { SegmentList } from '../../plan/request.js';
import { errnoError } from '../../transfer/errno.js';
import { Op } from '../file/engines/engine.js';
import { runOnce } from '../file/run.js';
import { Attempts } from './attempts.js';
import type { PipeTarget } from './pipe-target.js';

/** splice(2). */
const SPLICE_F_NONBLOCK = 0x2;
const SPLICE_F_GIFT = 0x8;
const EAGAIN = -11;

/** See PipeTarget.give. */
export async function give(pipe: PipeTarget, region: Region, signal: AbortSignal | undefined): Promise<void> {
  if (!region.native || !pipe.engine.supports(Op.VMSPLICE))
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${pipe.name}: giving memory away needs the addon`);
  const { length } = region;
  // Whoever else holds views of it has none from now on; what we hold is the only buffer over this memory.
  const buffer = structuredClone(region.buffer, { transfer: [region.buffer] });
  assert(buffer.byteLength === length && region.detached, 'the memory has one owner, and it is not the caller');
  await push(pipe, buffer, length, signal);
}

async function push(
  pipe: PipeTarget,
  buffer: ArrayBuffer,
  length: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const segments = new SegmentList();
  const attempts = new Attempts();
  let pauseMs = 0;
  for (let at = 0; at < length; ) {
    await pipe.untilReady('write', signal, pauseMs);
    segments.clear();
    segments.push(buffer, at, length - at, true);
    const flags = SPLICE_F_GIFT | SPLICE_F_NONBLOCK;
    const moved = await runOnce(pipe.engine, { op: Op.VMSPLICE, fd: pipe.fd, length: length - at, flags, segments });
    if (moved < 0 && moved !== EAGAIN) throw errnoError(moved, 'vmsplice', pipe.name);
    if (moved > 0) attempts.moved();
    at += Math.max(0, moved);
    pauseMs = moved === EAGAIN ? attempts.beaten() : 0;
    if (pauseMs < 0 || (moved === 0 && !attempts.empty())) throw pipe.stuck('write');
  }
}
