// Programs that once failed, made small, by what went wrong.
import type { Program } from './programs.js';

export const COUNTER_EXAMPLES: Readonly<Record<string, Program>> = {};
