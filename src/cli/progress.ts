// The progress bar: one line of a terminal, drawn at most ten times a second and taken away in the end.
import type { CopyProgress } from '../copy/options.js';
import { formatBytes, formatDuration, formatRate } from './format.js';

const REDRAW_MS = 100;
/** Before this much time the rate says more of the start than of the copy: no estimate is shown. */
const ESTIMATE_AFTER_MS = 500;
const COLUMNS_DEFAULT = 80;
const BAR_COLUMNS_MAX = 40;
const BAR_COLUMNS_MIN = 8;
/** Words that change keep their width, or the bar would jump: `1023 KiB`, `1234 MB/s`, `59.9 s left`. */
const AMOUNT_COLUMNS = 8;
const RATE_COLUMNS = 9;
const LEFT_COLUMNS = 11;

/** The part of a terminal's stream that is used. */
export interface Terminal {
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** One line for a terminal of `columns`: what does not fit is left out from the least important on. */
export function drawProgress(progress: CopyProgress, elapsedMs: number, columns: number): string {
  const { doneBytes, totalBytes } = progress;
  const label = progress.phase === 'copy' ? 'copying  ' : 'verifying';
  const rate = formatRate(doneBytes, elapsedMs);
  if (totalBytes === undefined || totalBytes === 0) return fit([label, formatBytes(doneBytes), rate], columns);
  const part = Math.min(1, doneBytes / totalBytes);
  // Never 100 % before it is: rounding down.
  const percent = `${String(Math.floor(part * 100)).padStart(3)}%`;
  const amount = `${formatBytes(doneBytes).padStart(AMOUNT_COLUMNS)} of ${formatBytes(totalBytes)}`;
  const leftMs = (elapsedMs / Math.max(doneBytes, 1)) * (totalBytes - doneBytes);
  const left = (elapsedMs < ESTIMATE_AFTER_MS ? '' : `${formatDuration(leftMs)} left`).padEnd(LEFT_COLUMNS);
  const words = [label, percent, amount, rate.padStart(RATE_COLUMNS), left];
  // The terminal's last column is left free: a character there would wrap the line on some terminals.
  const room = columns - 1 - words.join('  ').length - 4;
  if (room < BAR_COLUMNS_MIN) return fit(words, columns);
  const width = Math.min(room, BAR_COLUMNS_MAX);
  const full = Math.floor(part * width);
  const bar = `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
  return [label, bar, ...words.slice(1)].join('  ');
}

function fit(words: readonly string[], columns: number): string {
  const kept = [...words];
  while (kept.length > 1 && kept.join('  ').length > columns - 1) kept.pop();
  return kept.join('  ').slice(0, Math.max(0, columns - 1));
}

export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #phase: CopyProgress['phase'] | null = null;
  #phaseStartedMs = 0;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor(terminal: Terminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  update(progress: CopyProgress): void {
    const now = this.#now();
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase;
      this.#phaseStartedMs = now;
    }
    if (now - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = now;
    // 0: a terminal that does not know (a serial line, script(1) in a job).
    const columns = this.#terminal.columns || COLUMNS_DEFAULT;
    const line = drawProgress(progress, now - this.#phaseStartedMs, columns);
    // Back to the first column, the line, and clear what an older, longer one left.
    this.#terminal.write(`\r${line}\x1b[K`);
    this.#shown = true;
  }

  /** Takes the bar away; may be called again. */
  clear(): void {
    if (this.#shown) this.#terminal.write('\r\x1b[K');
    this.#shown = false;
  }
}
