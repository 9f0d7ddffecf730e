// What the planner's tests share: limits, memory whose place in its page is chosen, and requests as lines of text.
import type { IovIter } from '../iter/iov-iter.js';
import type { Direction, Limits } from './limits.js';
import { Planner, type PlannerInput } from './planner.js';
import { PlannedRequest } from './request.js';

/** A disk of 512-byte blocks under a page cache of 4096, as ext4 on most devices. */
export const DISK: Limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: 4096,
  maxBytes: 2 ** 31 - 4096,
  bestBytes: 2 ** 20,
  maxSegments: 1024,
  bestSegments: 256,
  copyBreakBytes: 4096,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};

/** A socket: any byte from anywhere, but small pieces are better copied together. */
export const SOCKET: Limits = {
  ...DISK,
  memoryAlignment: 1,
  offsetAlignment: 1,
  endAlignment: 1,
  copyBreakBytes: 1024,
};

/** Places of buffers in their pages, as a test wants them: page-aligned unless said otherwise, −1 for unknown. */
export class Places {
  readonly #known = new Map<ArrayBufferLike, number>();

  /** `bytes` of memory at this address modulo PAGE_SIZE. */
  memory(bytes: number, inPage = 0): Uint8Array {
    const view = new Uint8Array(bytes);
    this.#known.set(view.buffer, inPage);
    return view;
  }

  offsetInPage(buffer: ArrayBufferLike): number {
    return this.#known.get(buffer) ?? 0;
  }
}

export interface Laid {
  readonly direction?: Direction;
  readonly offset?: number;
  readonly bytes?: number;
  readonly limits?: Partial<Limits>;
  readonly limitsAt?: PlannerInput['limitsAt'];
  readonly places?: Places;
  readonly layout?: PlannerInput['layout'];
  readonly windowBytes?: number;
}

export function plannerOf(iter: IovIter, laid: Laid): Planner {
  const limits: Limits = { ...DISK, ...laid.limits };
  return new Planner({
    iter: iter.dup(),
    offset: laid.offset ?? 0,
    bytes: laid.bytes ?? iter.count,
    direction: laid.direction ?? 'write',
    limitsAt: laid.limitsAt ?? (() => limits),
    pages: laid.places ?? new Places(),
    layout: laid.layout,
    windowBytes: laid.windowBytes,
  });
}

/** As text: `direct 0+4096 [4096 s512] cut`, staged segments with an s; a read's payload where it differs; pieces. */
export function shown(request: PlannedRequest): string {
  const { segments } = request;
  const lengths = Array.from(
    { length: segments.count },
    (_, i) => `${segments.staged[i] ? 's' : ''}${segments.length[i]}`,
  );
  const unit = request.unit === '' ? '' : `${request.unit}:`;
  const isWidened = request.payloadBytes !== request.bytes;
  const payload = isWidened ? ` payload ${request.payloadOffset}+${request.payloadBytes}` : '';
  const pieces = Array.from(
    { length: request.pieces.count },
    (_, i) => `${i === 0 ? ' of' : ''} ${request.pieces.offset[i]}+${request.pieces.bytes[i]}`,
  ).join('');
  const memory = lengths.length > 4 ? `${lengths.length} segments` : lengths.join(' ');
  return `${request.route} ${unit}${request.offset}+${request.bytes}${payload}${pieces} [${memory}] ${request.cut}`;
}

export function planned(iter: IovIter, laid: Laid = {}): string[] {
  const planner = plannerOf(iter, laid);
  const request = new PlannedRequest();
  const lines: string[] = [];
  while (planner.next(request)) lines.push(shown(request));
  return lines;
}
