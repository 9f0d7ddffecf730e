// bitmap4: sets of attribute numbers, 32 to a word, as few words as are needed (RFC 8881 §3.3.7).
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { BITMAP_WORDS_MAX } from './constants.js';

export type Bitmap = readonly number[];

export function bitmapOf(...attributes: readonly number[]): Bitmap {
  const words: number[] = [];
  for (const attribute of attributes) {
    const word = attribute >>> 5;
    while (words.length <= word) words.push(0);
    words[word] = ((words[word] ?? 0) | (1 << (attribute & 31))) >>> 0;
  }
  return words;
}

export function hasBit(bitmap: Bitmap, attribute: number): boolean {
  return (((bitmap[attribute >>> 5] ?? 0) >>> (attribute & 31)) & 1) === 1;
}

export function writeBitmap(xdr: XdrWriter, bitmap: Bitmap): void {
  xdr.u32(bitmap.length);
  for (const word of bitmap) xdr.u32(word);
}

export function readBitmap(xdr: XdrReader): Bitmap {
  const count = xdr.u32();
  if (count > BITMAP_WORDS_MAX) throw new XdrError(`a bitmap of ${count} words`);
  const words: number[] = [];
  for (let i = 0; i < count; i++) words.push(xdr.u32());
  return words;
}
