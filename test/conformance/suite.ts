// The contract of Target as a list of named behaviours. A target is held to it by one line: conform(its subject).
import { describe, test } from 'node:test';
import { LASTING } from './lasting.js';
import { REQUESTS } from './requests.js';
import type { Behaviour, Subject } from './subject.js';
import { TRANSFERS } from './transfers.js';

export const BEHAVIOURS: readonly Behaviour[] = [...REQUESTS, ...TRANSFERS, ...LASTING];

/** `missing`: why this target cannot be had on this machine. `part`: of the behaviours, by name, where others are like these. */
export function conform(
  subject: Subject,
  missing: string | null = null,
  part: (name: string) => boolean = () => true,
): void {
  describe(subject.name, { skip: missing ?? false }, () => {
    for (const { name, skip, run } of BEHAVIOURS) {
      if (!part(name)) continue;
      const reason = skip?.(subject.properties) ?? null;
      test(name, { skip: reason ?? false }, (t) => run(t, subject));
    }
  });
}
