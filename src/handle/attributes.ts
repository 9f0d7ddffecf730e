// A file's attributes and its space: what is asked and changed of it beside its bytes.
import { EventEmitter } from 'node:events';
import type { BigIntStats, StatOptions, Stats, TimeLike } from 'node:fs';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import type { FileLike } from '../transfer/file-like.js';
import { unsupported } from './abilities.js';
import { allocate, type FileSegment, punch, segments, toRange, type ZeroWay, zero } from './space.js';

const UID_MAX = 2 ** 32 - 1;

export abstract class FileAttributes extends EventEmitter {
  /** What the transfers of this file go to. */
  abstract readonly target: FileLike;
  /** O_APPEND. */
  protected abstract readonly appends: boolean;
  /** Runs something that `close` must wait for; rejects where the file is closed. */
  protected abstract guard<R>(syscall: string, work: () => Promise<R>): Promise<R>;

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    return this.guard('fstat', () => this.target.stat(options));
  }

  /** Makes the file `length` bytes long: what is added reads as zeros. Negative: 0, as in Node. */
  truncate(length: number | bigint = 0): Promise<void> {
    return this.guard('ftruncate', async () => {
      this.target.check();
      const bytes = typeof length === 'number' && length < 0 && Number.isInteger(length) ? 0 : toOffset(length, 'len');
      await this.target.truncate(bytes);
    });
  }

  /** Permission bits, as a number or in octal digits. fchmod(2). */
  chmod(mode: number | string): Promise<void> {
    return this.guard('fchmod', async () => {
      const { target } = this;
      if (target.chmod === undefined) throw unsupported(target, 'it has no permissions to change');
      await target.chmod(toMode(mode));
    });
  }

  /** fchown(2). */
  chown(uid: number, gid: number): Promise<void> {
    return this.guard('fchown', async () => {
      const { target } = this;
      if (target.chown === undefined) throw unsupported(target, 'it has no owner to change');
      await target.chown(toId(uid, 'uid'), toId(gid, 'gid'));
    });
  }

  /** When it was last read and changed: seconds, or a Date. futimens(2). */
  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.guard('futime', async () => {
      const { target } = this;
      if (target.utimes === undefined) throw unsupported(target, 'it has no times to change');
      await target.utimes(toSeconds(atime, 'atime'), toSeconds(mtime, 'mtime'));
    });
  }

  /**
   * Reserves space, so that a full disk shows now (fallocate(2)); what is new reads as zeros. `keepSize`: the file does
   * not become longer. Refused where it cannot be had (ERR_DIORITE_UNSUPPORTED); ENOSPC may have reserved a part.
   */
  allocate(offset: number, length: number, options: { readonly keepSize?: boolean } = {}): Promise<void> {
    return this.guard('fallocate', () => allocate(this.target, toRange(offset, length), options.keepSize === true));
  }

  /** Gives the space of a range back; it reads as zeros then, and the size stays. ERR_DIORITE_UNSUPPORTED as `allocate`. */
  punch(offset: number, length: number): Promise<void> {
    return this.guard('fallocate', async () => {
      this.target.check();
      await punch(this.target, toRange(offset, length));
    });
  }

  /** Makes a range read as zeros, up to the end of the file; the size stays. Resolves with how it was done. */
  zero(offset: number, length: number): Promise<ZeroWay> {
    return this.guard('fallocate', async () => {
      const range = toRange(offset, length);
      this.target.check();
      return zero(this.target, range, await this.target.askBytes(), this.appends);
    });
  }

  /**
   * Where the file has data, and where holes, which read as zeros: sorted, without gap, from `offset` for `length` bytes
   * (up to the end where that is not given, and never past it). A map of what was there when each segment was asked for.
   */
  segments(offset: number = 0, length: number = Number.MAX_SAFE_INTEGER - offset): AsyncIterable<FileSegment> {
    const asked = toRange(offset, length);
    this.mustBeOpen('lseek');
    return segments(this.target, asked, {
      size: () => this.guard('fstat', () => this.target.askBytes()),
      step: (work) => this.guard('lseek', work),
    });
  }

  protected abstract mustBeOpen(syscall: string): void;
}

/** As Node's: a number, or octal digits. */
function toMode(mode: unknown): number {
  const value = typeof mode === 'string' && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof value === 'string') throw errors.invalidValue('mode', 'a number or octal digits', mode);
  if (typeof value !== 'number') throw errors.invalidType('mode', 'a number or octal digits', mode);
  if (!Number.isInteger(value) || value < 0 || value > UID_MAX)
    throw errors.outOfRange('mode', `an integer >= 0 and <= ${UID_MAX}`, mode);
  return value;
}

/** −1: it stays as it is. */
function toId(id: unknown, name: string): number {
  if (typeof id !== 'number') throw errors.invalidType(name, 'a number', id);
  if (!Number.isInteger(id) || id < -1 || id > UID_MAX)
    throw errors.outOfRange(name, `an integer >= -1 and <= ${UID_MAX}`, id);
  return id;
}

/** Seconds since 1970, as Node takes them: a number, digits, or a Date. */
function toSeconds(time: unknown, name: string): number {
  if (time instanceof Date) return time.getTime() / 1000;
  const seconds = typeof time === 'string' && time.trim() !== '' ? Number(time) : time;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds))
    throw errors.invalidType(name, 'a Date, or seconds since 1970', time);
  return seconds;
}
