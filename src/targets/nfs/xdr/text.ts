// Names as servers have them: bytes, UTF-8 as a rule. What is not UTF-8 survives being text, byte for byte.

/** Halves of no pair: with `u`, a pair is one character and does not match. */
const UNPAIRED = /\p{Surrogate}/u;
/** Where bytes stand that are no UTF-8, as in Python's PEP 383: 0x80 … 0xff as U+DC80 … U+DCFF. */
const ESCAPED = /([\u{dc80}-\u{dcff}]+)/u;
const ESCAPE_BASE = 0xdc00;

/** Whether it is more than UTF-8 has. */
export function isEscaped(text: string): boolean {
  return UNPAIRED.test(text);
}

/** `encodeText` gives the same bytes again, whatever they are. */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString();
  // That character may be there, or stand where a byte is none of UTF-8.
  return text.includes('\ufffd') ? decodeExactly(buffer) : text;
}

function decodeExactly(buffer: Buffer): string {
  let text = '';
  let from = 0;
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceAt(buffer, at);
    if (length === 0) {
      text += buffer.toString('utf8', from, at) + String.fromCharCode(ESCAPE_BASE + (buffer[at] ?? 0));
      from = at + 1;
    }
    at += Math.max(1, length);
  }
  return text + buffer.toString('utf8', from);
}

/** How many bytes of UTF-8 stand there for one character, by table 3-7 of the Unicode standard; 0: none. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0) return 0;
  // No overlong forms, no halves of pairs, nothing above U+10FFFF.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** As UTF-8, and what `decodeText` has escaped as the bytes that it was. */
export function encodeText(text: string): Buffer {
  if (!isEscaped(text)) return Buffer.from(text);
  const parts = text.split(ESCAPED);
  return Buffer.concat(parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part) : unescaped(part))));
}

function unescaped(text: string): Buffer {
  return Buffer.from(Array.from(text, (character) => character.charCodeAt(0) - ESCAPE_BASE));
}
