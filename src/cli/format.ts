// Numbers as people read them.

const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 bytes`, `4.0 KiB`, `1.25 GiB`: three figures. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  // 1023.9 is 1024 in whole numbers, which has a fourth figure but no digits after the point either.
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${BINARY_UNITS[unit]}`;
}

/** Megabytes of 10^6 bytes, as disks are sold and dd prints. */
export function formatRate(bytes: number, ms: number): string {
  const perSecond = ms > 0 ? bytes / 1e6 / (ms / 1000) : 0;
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : perSecond.toFixed(0)} MB/s`;
}

/** `0.42 s`, `12.3 s`, `3:07`, `1:02:03`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 1234567 as `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Rows of label and value, the values below each other; the lines of a value too. */
export function formatRows(rows: readonly (readonly [string, string])[], indent = ''): string {
  const width = Math.max(0, ...rows.map(([label]) => label.length));
  const further = `\n${indent}${' '.repeat(width)}  `;
  return rows
    .map(([label, value]) => `${indent}${label.padEnd(width)}  ${value.replaceAll('\n', further)}`.trimEnd())
    .join('\n');
}

/** A list as lines of at most `columns`. */
export function formatList(words: readonly string[], columns: number): string {
  const lines: string[] = [];
  let line = '';
  for (const [i, word] of words.entries()) {
    const next = i === words.length - 1 ? word : `${word},`;
    if (line !== '' && line.length + 1 + next.length > columns) {
      lines.push(line);
      line = next;
    } else line = line === '' ? next : `${line} ${next}`;
  }
  return [...lines, line].join('\n');
}
