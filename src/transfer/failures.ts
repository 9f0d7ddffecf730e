// Errors that a transfer makes itself, as its target has not called it one.
import { type DioriteError, errors } from '../base/errors.js';
import type { Target } from './target.js';

export function shortWrite(target: Target, offset: number): DioriteError {
  return errors.make('ERR_DIORITE_SHORT', `${target.name}: ended at offset ${offset}, before all bytes were written`, {
    path: target.name,
  });
}

export function noProgress(target: Target, offset: number, answers: number): DioriteError {
  const message = `${target.name}: ${answers} answers in a row moved nothing past offset ${offset}`;
  return errors.make('ERR_DIORITE_NO_PROGRESS', message, { path: target.name });
}
