// What stands behind the `?` of a server's URL: known names, each given once, as text, integers, and yes or no.
import { errors } from '../../base/errors.js';

const VALUE_BYTES_MAX = 4096;
/** 2^53−1 has sixteen. */
const DIGITS = /^\d{1,16}$/;
/** A name without a value says yes. */
const YES: ReadonlySet<string> = new Set(['', 'yes', 'true', '1']);
const NO: ReadonlySet<string> = new Set(['no', 'false', '0']);

export function decodedText(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw errors.invalidValue(what, 'percent-encoded UTF-8', text);
  }
}

/** `text` itself, where it has no nul byte and is not too long. */
export function boundedText(what: string, text: string, mostBytes: number): string {
  if (text.includes('\0')) throw errors.invalidValue(what, 'without a nul byte', text);
  if (Buffer.byteLength(text) > mostBytes) throw errors.invalidValue(what, `at most ${mostBytes} bytes`, text);
  return text;
}

export function integerOf(what: string, text: string, least: number, most: number): number {
  const value = DIGITS.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw errors.invalidValue(what, `an integer from ${least} to ${most}`, text);
}

/** Undefined, from each method: it was not given. */
export class UrlParameters<Name extends string> {
  readonly #values: ReadonlyMap<string, string>;

  constructor(given: URLSearchParams, names: readonly Name[]) {
    const values = new Map<string, string>();
    const known: ReadonlySet<string> = new Set(names);
    for (const [name, value] of given) {
      if (!known.has(name)) throw errors.invalidValue('url', `given parameters among ${names.join(', ')}`, name);
      if (values.has(name)) throw errors.invalidValue(`url.${name}`, 'given once', value);
      values.set(name, boundedText(`url.${name}`, value, VALUE_BYTES_MAX));
    }
    this.#values = values;
  }

  text(name: Name): string | undefined {
    return this.#values.get(name);
  }

  integer(name: Name, least: number, most: number): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : integerOf(`url.${name}`, text, least, most);
  }

  flag(name: Name): boolean | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (YES.has(text)) return true;
    if (NO.has(text)) return false;
    throw errors.invalidValue(`url.${name}`, "given without a value, or 'yes' or 'no'", text);
  }
}
