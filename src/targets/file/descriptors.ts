// The descriptors of one open file: the caller's own, and one with O_DIRECT beside it.
import { close, constants, fstat, ftruncate, open, type PathLike, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { errors } from '../../base/errors.js';
import { type Opened, openOrCreate, removeCreated } from './create.js';

const openFd = promisify(open);
const closeFd = promisify(close);
const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);

/** What says that the file cannot be opened so: not supported, not allowed, or no /proc to open it through. */
const NOT_DIRECT = new Set(['EINVAL', 'EOPNOTSUPP', 'ENOTSUP', 'EACCES', 'EPERM', 'ENOENT', 'ENXIO', 'ELOOP']);

const ACCESS_MODE = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;

/** Node's string flags (lib/internal/fs/utils.js has the same table); what they mean is open(2)'s. */
const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY, O_DIRECT } = constants;
const FLAGS: ReadonlyMap<string, number> = new Map([
  ['r', O_RDONLY],
  ['rs', O_RDONLY | O_SYNC],
  ['sr', O_RDONLY | O_SYNC],
  ['r+', O_RDWR],
  ['rs+', O_RDWR | O_SYNC],
  ['sr+', O_RDWR | O_SYNC],
  ['w', O_TRUNC | O_CREAT | O_WRONLY],
  ['wx', O_TRUNC | O_CREAT | O_WRONLY | O_EXCL],
  ['xw', O_TRUNC | O_CREAT | O_WRONLY | O_EXCL],
  ['w+', O_TRUNC | O_CREAT | O_RDWR],
  ['wx+', O_TRUNC | O_CREAT | O_RDWR | O_EXCL],
  ['xw+', O_TRUNC | O_CREAT | O_RDWR | O_EXCL],
  ['a', O_APPEND | O_CREAT | O_WRONLY],
  ['ax', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['xa', O_APPEND | O_CREAT | O_WRONLY | O_EXCL],
  ['as', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['sa', O_APPEND | O_CREAT | O_WRONLY | O_SYNC],
  ['a+', O_APPEND | O_CREAT | O_RDWR],
  ['ax+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['xa+', O_APPEND | O_CREAT | O_RDWR | O_EXCL],
  ['as+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
  ['sa+', O_APPEND | O_CREAT | O_RDWR | O_SYNC],
]);

export function parseFlags(flags: string | number | null | undefined): number {
  if (flags === undefined || flags === null) return O_RDONLY;
  if (typeof flags === 'number') {
    if (!Number.isInteger(flags) || flags < 0 || flags > 0x7fffffff)
      throw errors.outOfRange('flags', 'an integer >= 0', flags);
    return flags;
  }
  const known = typeof flags === 'string' ? FLAGS.get(flags) : undefined;
  if (known === undefined) throw errors.invalidValue('flags', 'one of the flags of fs.open', flags);
  return known;
}

export class Descriptors {
  /** The caller's: as it was asked for, without O_DIRECT. Unaligned ends and buffered modes go through it. */
  readonly fd: number;
  readonly flags: number;
  readonly path: PathLike;
  #stats: Stats;
  readonly #truncates: boolean;
  readonly #opened: Opened;
  #direct: number | null = null;

  private constructor(opened: Opened, flags: number, path: PathLike, stats: Stats) {
    this.fd = opened.fd;
    this.#opened = opened;
    this.flags = flags;
    this.path = path;
    this.#stats = stats;
    this.#truncates = (flags & O_TRUNC) !== 0 && this.writes && stats.isFile();
  }

  /**
   * Truncates nothing yet: see truncateIfAsked. `refusable`: it may yet be refused, and what O_CREAT made has to be
   * known then; that costs an open or two more.
   */
  static async open(
    path: PathLike,
    flags: number,
    mode: number | string | undefined,
    refusable = false,
  ): Promise<Descriptors> {
    const plain = flags & ~O_DIRECT;
    // Without write access it is the kernel's business what O_TRUNC does (open(2): unspecified).
    const writes = (flags & ACCESS_MODE) !== O_RDONLY;
    const first = writes ? plain & ~O_TRUNC : plain;
    const opened = refusable
      ? await openOrCreate(path, first, mode)
      : { fd: await openFd(path, first, mode), created: null };
    try {
      return new Descriptors(opened, plain, path, await fstatFd(opened.fd));
    } catch (error) {
      await closeFd(opened.fd);
      throw error;
    }
  }

  /** For an open that is refused: closes, and leaves nothing new behind. */
  async undo(): Promise<void> {
    try {
      await removeCreated(this.#opened);
    } finally {
      await this.close();
    }
  }

  /** What O_TRUNC would have done at once: asked for only when the open is sure to succeed. */
  async truncateIfAsked(): Promise<void> {
    if (!this.#truncates) return;
    await ftruncateFd(this.fd, 0);
    this.#stats = await fstatFd(this.fd);
  }

  /** As of the open. */
  get stats(): Stats {
    return this.#stats;
  }

  get isTerminal(): boolean {
    return isatty(this.fd);
  }

  get reads(): boolean {
    return (this.flags & ACCESS_MODE) !== O_WRONLY;
  }

  get writes(): boolean {
    return (this.flags & ACCESS_MODE) !== O_RDONLY;
  }

  get appends(): boolean {
    return (this.flags & O_APPEND) !== 0;
  }

  get synchronous(): boolean {
    return (this.flags & (O_SYNC | constants.O_DSYNC)) !== 0;
  }

  get direct(): number | null {
    return this.#direct;
  }

  /**
   * Opens the same inode once more with O_DIRECT: through /proc, so that a file which was renamed or unlinked meanwhile
   * is still met. Returns why it cannot be had, or null. O_EXCL, O_CREAT and O_TRUNC are for the first open only.
   */
  async openDirect(): Promise<string | null> {
    const flags = (this.flags & (ACCESS_MODE | O_SYNC | constants.O_DSYNC | constants.O_NOATIME)) | O_DIRECT;
    try {
      this.#direct = await openFd(`/proc/self/fd/${this.fd}`, flags);
      return null;
    } catch (error) {
      if (error instanceof Error && 'code' in error && NOT_DIRECT.has(String(error.code))) {
        return `open with O_DIRECT: ${String(error.code)}`;
      }
      throw error; // out of descriptors, say: that is no property of the file
    }
  }

  async close(): Promise<void> {
    const direct = this.#direct;
    this.#direct = null;
    try {
      if (direct !== null) await closeFd(direct);
    } finally {
      await closeFd(this.fd);
    }
  }
}
