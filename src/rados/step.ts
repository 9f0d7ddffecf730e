// What a compound operation of RadosClient is made of: what each step does, and what it gives back.
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import { SegmentList } from '../plan/request.js';
import * as code from '../targets/rados/osd/codes.js';
import type { HeldLock } from '../targets/rados/osd/held-lock.js';
import { resultError } from '../targets/rados/osd/refusals.js';
import type { StepResult } from '../targets/rados/osd/request.js';
import * as steps from '../targets/rados/osd/step.js';

/** Text goes as UTF-8. */
export type RadosBytes = string | NodeJS.ArrayBufferView;
/** Several views go one after the other, as they lie. */
export type RadosPayload = RadosBytes | readonly NodeJS.ArrayBufferView[];

/** Made by `step`; what is in it is the library's own. */
export interface RadosStep<T = unknown> {
  readonly inner: steps.Step;
  /** It gives something back, which OSDs do beside changes only where they are asked to. */
  readonly gives: boolean;
  readonly read: (result: StepResult) => T;
}

export interface ObjectStat {
  readonly size: number;
  readonly mtime: Date;
}

export interface OmapPage<T> {
  readonly entries: T;
  /** There are more behind the last of these. */
  readonly more: boolean;
}

export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<=';

const COMPARISONS: Readonly<Record<Comparison, number>> = {
  '==': code.COMPARE_EQUAL,
  '!=': code.COMPARE_NOT_EQUAL,
  '>': code.COMPARE_GREATER,
  '>=': code.COMPARE_GREATER_OR_EQUAL,
  '<': code.COMPARE_LESS,
  '<=': code.COMPARE_LESS_OR_EQUAL,
};

/** osd_max_omap_entries_per_request. */
const OMAP_PAGE = 1024;

function viewOf(bytes: unknown, name: string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  if (ArrayBuffer.isView(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw errors.invalidType(name, 'a string, a Buffer, TypedArray or DataView', bytes);
}

interface Memory {
  readonly segments: SegmentList;
  readonly bytes: number;
}

function memoryOf(payload: RadosPayload, name: string): Memory {
  const segments = new SegmentList();
  let bytes = 0;
  for (const part of Array.isArray(payload) ? payload : [payload]) {
    const view = viewOf(part, name);
    if (view.length > 0) segments.push(view.buffer, view.byteOffset, view.length, false);
    bytes += view.length;
  }
  return { segments, bytes };
}

function bufferOf({ data }: StepResult): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}

function change(inner: steps.Step): RadosStep<void> {
  return { inner, gives: false, read: () => undefined };
}

function gift<T>(inner: steps.Step, read: (result: StepResult) => T): RadosStep<T> {
  return { inner, gives: true, read };
}

function asBuffers(values: ReadonlyMap<string, Uint8Array>): Map<string, Buffer> {
  return new Map([...values].map(([name, value]) => [name, viewOf(value, name)]));
}

function page({ data }: StepResult): OmapPage<Map<string, Buffer>> {
  const { values, more } = steps.readNamedValues(data);
  return { entries: asBuffers(values), more };
}

function namesOf(keys: readonly string[]): readonly string[] {
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string'))
    throw errors.invalidType('keys', 'an array of strings', keys);
  return keys;
}

/**
 * Steps of `RadosClient.operate`, done in order, all or none:
 *
 *      step.compareXattr('state', '==', 'open'), step.append(line), step.setXattr('state', 'closed')
 */
export const step = {
  /** Short at the object's end. `length` 0: all of it. */
  read(offset: number | bigint = 0, length: number | bigint = 0): RadosStep<Buffer> {
    return gift(steps.read(toOffset(offset, 'offset'), toOffset(length, 'length')), bufferOf);
  },

  /** Into this memory, as it lies; gives how many bytes came: fewer at the object's end. */
  readInto(
    views: NodeJS.ArrayBufferView | readonly NodeJS.ArrayBufferView[],
    offset: number | bigint = 0,
  ): RadosStep<number> {
    if (typeof views === 'string') throw errors.invalidType('views', 'memory', views);
    const { segments, bytes } = memoryOf(views, 'views');
    if (bytes === 0) throw errors.invalidValue('views', 'memory of a byte or more', views);
    return gift(steps.read(toOffset(offset, 'offset'), bytes, segments), (result) => result.bytes);
  },

  /** The stretches that are there, and their bytes one after the other. */
  sparseRead(
    offset: number | bigint,
    length: number | bigint,
  ): RadosStep<{ extents: { offset: number; bytes: number }[]; data: Buffer }> {
    return gift(steps.sparseRead(toOffset(offset, 'offset'), toOffset(length, 'length')), (result) => {
      const { extents, data } = steps.readSparse(result.data);
      return { extents, data: viewOf(data, 'data') };
    });
  },

  stat(): RadosStep<ObjectStat> {
    return gift(steps.stat(), ({ data }) => {
      const { bytes, mtimeMs } = steps.readStat(data);
      return { size: bytes, mtime: new Date(mtimeMs) };
    });
  },

  write(payload: RadosPayload, offset: number | bigint = 0): RadosStep<void> {
    const { segments, bytes } = memoryOf(payload, 'payload');
    return change(steps.write(toOffset(offset, 'offset'), segments, bytes));
  },

  /** The object holds just this from then on. */
  writeFull(payload: RadosPayload): RadosStep<void> {
    const { segments, bytes } = memoryOf(payload, 'payload');
    return change(steps.writeFull(segments, bytes));
  },

  append(payload: RadosPayload): RadosStep<void> {
    const { segments, bytes } = memoryOf(payload, 'payload');
    return change(steps.append(segments, bytes));
  },

  zero(offset: number | bigint, length: number | bigint): RadosStep<void> {
    return change(steps.zero(toOffset(offset, 'offset'), toOffset(length, 'length')));
  },

  truncate(size: number | bigint): RadosStep<void> {
    return change(steps.truncate(toOffset(size, 'size')));
  },

  /** `exclusive`: EEXIST where there is one. */
  create({ exclusive = false }: { readonly exclusive?: boolean | undefined } = {}): RadosStep<void> {
    return change(steps.create(exclusive));
  },

  remove(): RadosStep<void> {
    return change(steps.remove());
  },

  /** How large the object is going to be, and how much is written to it at once. */
  allocationHint(objectBytes: number | bigint, writeBytes: number | bigint): RadosStep<void> {
    return change(steps.allocationHint(toOffset(objectBytes, 'objectBytes'), toOffset(writeBytes, 'writeBytes')));
  },

  /** ENOENT where there is no object. */
  assertExists(): RadosStep<void> {
    return change(steps.assertExists());
  },

  /** ERANGE where the object is older than this, EOVERFLOW where it is newer: `version` of an earlier operation. */
  assertVersion(version: bigint): RadosStep<void> {
    if (typeof version !== 'bigint') throw errors.invalidType('version', 'a bigint', version);
    return change(steps.assertVersion(version));
  },

  /** EBUSY where the lock is not held any more; of a lock of this very object. */
  assertLocked(lock: HeldLock): RadosStep<void> {
    return change(lock.guard);
  },

  /** ECANCELED where the bytes differ: what is behind the object's end compares as zeros. */
  compareExtent(expected: RadosPayload, offset: number | bigint = 0): RadosStep<void> {
    const { segments, bytes } = memoryOf(expected, 'expected');
    return change(steps.compareExtent(toOffset(offset, 'offset'), segments, bytes));
  },

  /** ECANCELED unless `value` stands so to what is stored: as text, or (a bigint) as digits. A missing one is '' or 0. */
  compareXattr(name: string, how: Comparison, value: string | bigint): RadosStep<void> {
    const number = COMPARISONS[how];
    if (number === undefined) throw errors.invalidValue('how', `one of ${Object.keys(COMPARISONS).join(' ')}`, how);
    return change(steps.compareXattr(name, number, value));
  },

  /** ENODATA where there is none. */
  getXattr(name: string): RadosStep<Buffer> {
    return gift(steps.getXattr(name), bufferOf);
  },

  xattrs(): RadosStep<Map<string, Buffer>> {
    return gift(steps.getXattrs(), ({ data }) => asBuffers(steps.readNamedValues(data).values));
  },

  setXattr(name: string, value: RadosBytes): RadosStep<void> {
    return change(steps.setXattr(name, viewOf(value, 'value')));
  },

  removeXattr(name: string): RadosStep<void> {
    return change(steps.removeXattr(name));
  },

  /** Keys behind `after`, in order. */
  omapKeys(after = '', max: number = OMAP_PAGE): RadosStep<OmapPage<string[]>> {
    return gift(steps.omapKeys(after, toOffset(max, 'max')), ({ data }) => {
      const { keys, more } = steps.readKeys(data);
      return { entries: keys, more };
    });
  },

  /** The same with values, of keys that begin with `prefix`. */
  omapValues(after = '', prefix = '', max: number = OMAP_PAGE): RadosStep<OmapPage<Map<string, Buffer>>> {
    return gift(steps.omapValues(after, prefix, toOffset(max, 'max')), page);
  },

  /** Those of these keys that there are. */
  getOmap(keys: readonly string[]): RadosStep<Map<string, Buffer>> {
    return gift(steps.omapValuesOf(namesOf(keys)), (result) => page(result).entries);
  },

  setOmap(values: ReadonlyMap<string, RadosBytes> | Readonly<Record<string, RadosBytes>>): RadosStep<void> {
    const entries = values instanceof Map ? [...values] : Object.entries(values);
    return change(steps.setOmap(new Map(entries.map(([key, value]) => [key, viewOf(value, 'values')]))));
  },

  removeOmap(keys: readonly string[]): RadosStep<void> {
    return change(steps.removeOmap(namesOf(keys)));
  },

  clearOmap(): RadosStep<void> {
    return change(steps.clearOmap());
  },

  /** Bytes beside the keys. */
  omapHeader(): RadosStep<Buffer> {
    return gift(steps.omapHeader(), bufferOf);
  },

  setOmapHeader(value: RadosBytes): RadosStep<void> {
    return change(steps.setOmapHeader(viewOf(value, 'value')));
  },

  /** A method of an object class. `changes`: it may change the object. */
  call(
    className: string,
    method: string,
    input: RadosBytes = '',
    { changes = true }: { readonly changes?: boolean | undefined } = {},
  ): RadosStep<Buffer> {
    return { ...gift(steps.call(className, method, viewOf(input, 'input'), changes), bufferOf), gives: !changes };
  },

  /** Its failure is its own: what follows is done all the same, and its result is the error. */
  optional<T>({ inner, gives, read }: RadosStep<T>): RadosStep<T | Error> {
    const either = (result: StepResult): T | Error =>
      result.result < 0 ? resultError('', result.result) : read(result);
    return { inner: steps.optional(inner), gives, read: either };
  },
} as const;
