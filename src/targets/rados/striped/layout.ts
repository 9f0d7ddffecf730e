// How libradosstriper lays a file over objects: their names, and the attributes of the first that say layout and size.
import { errors } from '../../../base/errors.js';
import type { Striping } from '../../striping.js';
import { DencError } from '../denc/error.js';

/** CEPH_MIN_STRIPE_UNIT of src/include/ceph_fs.h in Ceph: units are multiples of it. */
export const STRIPE_UNIT_BYTES_MIN: number = 64 * 1024;
/** rados_striper_layout's, and file_layout_t's: 32 bits. */
const FIELD_MAX = 0xffffffff;
/** What an OSD takes unless it is told otherwise: osd_max_object_size. */
export const OBJECT_BYTES_MAX: number = 128 * 2 ** 20;
/** Objects that are written at once: a bound for sanity, not of Ceph's. */
const STRIPE_COUNT_MAX = 4096;

/** file_layout_t::get_default(). */
export const DEFAULT_STRIPING: Striping = { stripeUnitBytes: 4 * 2 ** 20, stripeCount: 1, objectBytes: 4 * 2 ** 20 };

/** XATTR_… of src/libradosstriper/RadosStriperImpl.cc in Ceph: each a number in decimal digits, on object 0. */
export const ATTRIBUTE_UNIT = 'striper.layout.stripe_unit';
export const ATTRIBUTE_COUNT = 'striper.layout.stripe_count';
export const ATTRIBUTE_OBJECT = 'striper.layout.object_size';
export const ATTRIBUTE_SIZE = 'striper.size';

/** RADOS_LOCK_NAME and its tag: readers and writers share it, who truncates or removes has it alone. */
export const LOCK_NAME = 'striper.lock';
export const LOCK_TAG = 'Tag';

/** RADOS_OBJECT_EXTENSION_FORMAT: ".%016llx". */
const EXTENSION_DIGITS = 16;
const EXTENSION = /^(.+)\.([0-9a-f]{16})$/s;
/** osd_max_object_name_len. */
const OBJECT_NAME_BYTES_MAX = 2048;
export const NAME_BYTES_MAX: number = OBJECT_NAME_BYTES_MAX - 1 - EXTENSION_DIGITS;

/** Of the file's object `number`. */
export function objectName(file: string, number: number): string {
  return `${file}.${number.toString(16).padStart(EXTENSION_DIGITS, '0')}`;
}

/** The other way; null: it is no object of a striped file. */
export function parseObjectName(name: string): { readonly file: string; readonly number: number } | null {
  const [, file, digits] = EXTENSION.exec(name) ?? [];
  const number = Number.parseInt(digits ?? '', 16);
  return file === undefined || !Number.isSafeInteger(number) ? null : { file, number };
}

/** What Ceph would refuse, or no OSD take, is refused by the name of what is wrong; `where` begins the names. */
export function checkStriping(striping: Striping, where: string): Striping {
  const { stripeUnitBytes, stripeCount, objectBytes } = striping;
  if (!isWithin(stripeUnitBytes, 1, FIELD_MAX) || stripeUnitBytes % STRIPE_UNIT_BYTES_MIN !== 0)
    throw errors.invalidValue(`${where}stripe_unit`, `a multiple of ${STRIPE_UNIT_BYTES_MIN}`, stripeUnitBytes);
  if (!isWithin(stripeCount, 1, STRIPE_COUNT_MAX))
    throw errors.invalidValue(`${where}stripe_count`, `an integer from 1 to ${STRIPE_COUNT_MAX}`, stripeCount);
  if (!isWithin(objectBytes, stripeUnitBytes, OBJECT_BYTES_MAX) || objectBytes % stripeUnitBytes !== 0) {
    const expected = `a multiple of the stripe unit (${stripeUnitBytes}), at most ${OBJECT_BYTES_MAX}`;
    throw errors.invalidValue(`${where}object_size`, expected, objectBytes);
  }
  return striping;
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

/** What is stored of a striped file. */
export interface StripedHead {
  readonly striping: Striping;
  readonly sizeBytes: number;
}

/** The attributes of object 0, in the order in which libradosstriper sets them. */
export function encodeHead({ striping, sizeBytes }: StripedHead): readonly (readonly [name: string, value: string])[] {
  return [
    [ATTRIBUTE_UNIT, String(striping.stripeUnitBytes)],
    [ATTRIBUTE_COUNT, String(striping.stripeCount)],
    [ATTRIBUTE_OBJECT, String(striping.objectBytes)],
    [ATTRIBUTE_SIZE, String(sizeBytes)],
  ];
}

/**
 * What the attributes of object 0 say; null: none of them is there, and it is no striped file. Some and not all, or
 * values that make no layout, are an error: EBADMSG. `what` names the file in it. Larger objects than an OSD takes by
 * default are believed: they are there.
 */
export function decodeHead(attributes: ReadonlyMap<string, Uint8Array>, what: string): StripedHead | null {
  const names = [ATTRIBUTE_UNIT, ATTRIBUTE_COUNT, ATTRIBUTE_OBJECT, ATTRIBUTE_SIZE];
  if (names.every((name) => !attributes.has(name))) return null;
  const [stripeUnitBytes = 0, stripeCount = 0, objectBytes = 0, sizeBytes = 0] = names.map((name) =>
    numberIn(attributes.get(name), name, what),
  );
  if (stripeUnitBytes === 0 || stripeCount === 0 || objectBytes === 0 || objectBytes % stripeUnitBytes !== 0)
    throw senseless(what, `units of ${stripeUnitBytes}, ${stripeCount} objects of ${objectBytes} bytes`);
  return { striping: { stripeUnitBytes, stripeCount, objectBytes }, sizeBytes };
}

/** Digits alone: strtoull, which Ceph reads them by, would take more than it ever writes. */
function numberIn(value: Uint8Array | undefined, name: string, what: string): number {
  if (value === undefined) throw senseless(what, `it has no ${name}`);
  const text = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, 32)).toString('latin1');
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw senseless(what, `its ${name} is ${JSON.stringify(text)}`);
  return number;
}

function senseless(what: string, problem: string): DencError {
  return new DencError(`the layout of ${what}`, problem);
}
