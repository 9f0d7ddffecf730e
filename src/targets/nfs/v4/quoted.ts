// Names in messages: quoted, on one line, and not longer than a message should be.

const SHOWN_MAX = 255;

export function quoted(name: string): string {
  return JSON.stringify(name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX)}…` : name);
}
