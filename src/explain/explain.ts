// explain(): how vectors would go to a target, request by request, and what others would make of them.
import { errors } from '../base/errors.js';
import { isPowerOfTwo, PAGE_SIZE, toOffset } from '../base/integers.js';
import { plan } from '../draw/plan.js';
import type { Layout } from '../plan/layout.js';
import { type Direction, type Limits, limitsProblem } from '../plan/limits.js';
import { Explanation } from './explanation.js';
import { LIMIT_NAMES, type LimitWishes, limitsWith, USUAL_DISK } from './limits.js';
import { SIMULATED_PAGES, simulate } from './memory.js';
import { CEPH_STRIPE_UNIT_BYTES } from './models/ceph.js';
import { peersOf } from './models/peers.js';
import { checkVectors, parseVectors, type Vector } from './vectors.js';

export interface ExplainOptions {
  /**
   * Text such as `'1024x512@shuffled'` (docs/Explain.md has the forms), or places in a simulated memory whose first
   * byte begins a page. At most 262,144 vectors in 4 GiB.
   */
  readonly vectors: string | readonly Vector[];
  /** Of `@shuffled`. Default 1. */
  readonly seed?: number | undefined;
  /** A regular file or block device whose limits count. It is opened for reading, and neither read nor written. */
  readonly path?: string | undefined;
  /** Instead of the path's, or of a usual disk's where there is no path. */
  readonly limits?: LimitWishes | undefined;
  /** Where in the target the range begins. Default 0. */
  readonly offset?: number | bigint | undefined;
  /** Default 'write'. */
  readonly direction?: Direction | undefined;
  /** Of a target of several units: which of them hold a range (diorite/plan). By default the target is one. */
  readonly layout?: Layout | undefined;
  /** wsize and rsize of the NFS client that is compared with. Default 1 MiB. */
  readonly nfsBytes?: number | undefined;
  /** The stripe unit of the CephFS file that is compared with. Default 4 MiB. */
  readonly stripeUnitBytes?: number | undefined;
}

const DEFAULT_SEED = 1;
const DEFAULT_NFS_BYTES = 2 ** 20;

/** Plans, and carries nothing out. Rejects as open() does where there is a path. */
export async function explain(options: ExplainOptions): Promise<Explanation> {
  if (options === null || typeof options !== 'object') throw errors.invalidType('options', 'an object', options);
  const direction = options.direction ?? 'write';
  if (direction !== 'read' && direction !== 'write')
    throw errors.invalidValue('direction', "'read' or 'write'", direction);
  const seed = toOffset(options.seed ?? DEFAULT_SEED, 'seed');
  const vectors = vectorsOf(options.vectors, seed);
  const bytes = vectors.reduce((sum, vector) => sum + vector.size, 0);
  const offset = toOffset(options.offset ?? 0, 'offset');
  if (!Number.isSafeInteger(offset + bytes))
    throw errors.outOfRange('offset', 'such that the range ends at 2 ** 53 - 1 or before', options.offset);
  const rpcBytes = multipleOf(options.nfsBytes ?? DEFAULT_NFS_BYTES, PAGE_SIZE, 'nfsBytes');
  const stripeUnitBytes = multipleOf(options.stripeUnitBytes ?? CEPH_STRIPE_UNIT_BYTES, 2 ** 16, 'stripeUnitBytes');
  const { limits, limitsFrom } = await limitsOf(options, direction, offset);
  const memory = simulate(vectors);
  const laid = plan(memory, { offset, direction, limits, pages: SIMULATED_PAGES, layout: options.layout });
  const asked = limits;
  const peers = peersOf({ vectors, offset, bytes, direction, asked, rpcBytes, stripeUnitBytes });
  const described = typeof options.vectors === 'string' ? options.vectors : null;
  const path = options.path ?? null;
  return new Explanation({ plan: laid, vectors, described, seed, path, limits, limitsFrom, peers });
}

function vectorsOf(given: ExplainOptions['vectors'], seed: number): readonly Vector[] {
  const refuse = (problem: string): Error => errors.make('ERR_INVALID_ARG_VALUE', `The "vectors" argument: ${problem}`);
  return typeof given === 'string' ? parseVectors(given, seed, refuse) : checkVectors(given, refuse);
}

function multipleOf(value: unknown, unit: number, name: string): number {
  const bytes = toOffset(value, name);
  if (bytes === 0 || bytes % unit !== 0) throw errors.outOfRange(name, `a multiple of ${unit}`, value);
  return bytes;
}

interface Found {
  readonly limits: Limits;
  readonly limitsFrom: string;
}

async function limitsOf(options: ExplainOptions, direction: Direction, offset: number): Promise<Found> {
  const wishes = checkedWishes(options.limits ?? {});
  const asked = LIMIT_NAMES.filter((name) => wishes[name] !== undefined);
  let base = USUAL_DISK;
  let from = 'a usual disk';
  if (options.path !== undefined) {
    // Not needed where only figures are given, and it brings the engines with it.
    const { limitsOfPath } = await import('./path-limits.js');
    ({ limits: base, from } = await limitsOfPath(options.path, direction));
  }
  const limits = limitsWith(base, wishes);
  const problem = limitsProblem(limits, offset);
  if (problem !== null)
    throw errors.make('ERR_INVALID_ARG_VALUE', `The limits are such that no request could obey: ${problem}`);
  return { limits, limitsFrom: asked.length === 0 ? from : `${from}; as given: ${asked.map(inWords).join(', ')}` };
}

/** `best bytes` for `bestBytes`. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function checkedWishes(given: LimitWishes): LimitWishes {
  if (given === null || typeof given !== 'object') throw errors.invalidType('limits', 'an object', given);
  for (const [name, value] of Object.entries(given)) {
    if (!LIMIT_NAMES.some((each) => each === name))
      throw errors.invalidValue(`limits.${name}`, `one of ${LIMIT_NAMES.join(', ')}`, name);
    if (value === undefined) continue;
    const checked = toOffset(value, `limits.${name}`);
    if (name.endsWith('Alignment') && !isPowerOfTwo(checked))
      throw errors.outOfRange(`limits.${name}`, 'a power of two', value);
  }
  return given;
}
