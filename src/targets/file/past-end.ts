// A direct read that passes the end of the file, cut at the end: on XFS it fails where the same read of less does not.
import { alignUp } from '../../base/integers.js';
import { SegmentList } from '../../plan/request.js';
import type { FileOperation } from './file-operation.js';

/**
 *      file     |≡≡≡≡≡≡≡≡≡≡≡≡≡|░░░░░░░░░░|        ░ delayed allocation beyond the end
 *      read          [================]  EIO
 *      cut           [========]          what there is
 *
 * XFS reserves space beyond the end of a file that grows through the cache. Where free space is fragmented, writing back
 * takes only a part of it, and the rest stays without a place. iomap's direct reads look at what lies beyond the end
 * before they look where the end is, and answer EIO ("Direct I/O collision with buffered writes!", fs/iomap/direct-io.c).
 *
 * The operation asks for no more than the blocks up to `sizeBytes` now. False: it did not pass them, or asks for nothing
 * else.
 */
export function cutAtEnd(operation: FileOperation, sizeBytes: number, alignment: number): boolean {
  const length = alignUp(sizeBytes, alignment) - operation.offset;
  const { segments } = operation;
  if (length <= 0 || length >= operation.length || segments === null) return false;
  const cut = new SegmentList();
  for (let i = 0, left = length; left > 0; i++) {
    const part = Math.min(left, segments.length[i] ?? left);
    cut.push(segments.buffer[i] ?? null, segments.byteOffset[i] ?? 0, part, segments.staged[i] === true);
    left -= part;
  }
  operation.segments = cut;
  operation.length = length;
  operation.cut = true;
  return true;
}
