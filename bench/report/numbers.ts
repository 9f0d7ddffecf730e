// Numbers and dates as a person reads them: three digits that count, and no more.
import type { Recorded } from '../store.js';

/** NaN, which JSON keeps as null, is a question mark. */
export function shown(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '?';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (Number.isInteger(value)) return String(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(size >= 0.1 ? 2 : 3);
}

/** 70,300 is 70 k on an axis. */
export function short(value: number): string {
  if (value === 0) return '0';
  for (const [size, letter] of [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ] as const) {
    if (Math.abs(value) >= size) return `${trimmed(value / (letter === ' k' ? 1e3 : size))}${letter}`;
  }
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : trimmed(value);
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** 4096 is 4 KiB. */
export function bytes(value: number): string {
  for (const [size, name] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (value >= size) return `${trimmed(value / size)} ${name}`;
  }
  return `${value} B`;
}

/** `2026-11-22 23:40`, UTC. */
export function day({ at }: Pick<Recorded, 'at'>): string {
  return at.slice(0, 16).replace('T', ' ');
}
