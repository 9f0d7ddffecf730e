// How wide text is, without a browser: by DejaVu Sans, the widest of the fonts that a chart may be shown in.

/** Advance widths of the characters 32 to 126, in hundredths of the font size. */
const REGULAR =
  '32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77 63 58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28 28 58 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84';
const BOLD =
  '35 46 52 84 70 100 87 31 46 46 52 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70 40 40 84 84 84 58 100 77 76 73 83 68 68 82 84 37 37 77 64 100 84 85 73 85 77 72 68 81 77 110 77 72 73 46 37 46 84 50 50 67 72 59 72 68 44 72 71 34 34 67 34 104 71 69 72 72 49 60 48 71 65 92 65 65 58 71 37 71 84';
const FIRST_CHARACTER = 32;
/** Of any other: an em, as the widest are (…, ≥ and × are less). */
const OTHER = 100;

const WIDTHS: Readonly<Record<'regular' | 'bold', readonly number[]>> = {
  regular: REGULAR.split(' ').map(Number),
  bold: BOLD.split(' ').map(Number),
};

export function textWidth(text: string, size: number, isBold = false): number {
  const widths = WIDTHS[isBold ? 'bold' : 'regular'];
  let hundredths = 0;
  for (const character of text) hundredths += widths[character.charCodeAt(0) - FIRST_CHARACTER] ?? OTHER;
  return (hundredths * size) / 100;
}

/** Lines that are no wider, at most so many; what is left over ends in an ellipsis. Broken between words. */
export function wrapped(text: string, width: number, size: number, most: number): string[] {
  const lines: string[] = [];
  let line = '';
  const words = text.split(' ');
  for (const [i, word] of words.entries()) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer, size) <= width) {
      line = longer;
      continue;
    }
    if (line !== '' && lines.length + 1 < most) {
      lines.push(line);
      line = word;
      continue;
    }
    line = [line, ...words.slice(i)].filter((part) => part !== '').join(' ');
    break;
  }
  return [...lines, cut(line, width, size)];
}

function cut(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  let kept = text;
  while (kept !== '' && textWidth(`${kept}…`, size) > width) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}
