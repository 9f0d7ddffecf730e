// What a file is called until it is published: beside its name in the same directory, local or on a server.
import { randomBytes } from 'node:crypto';

/** NAME_MAX of every Linux file system, and of every one that NFS is known to export, in bytes. */
const NAME_BYTES_MAX = 255;

/** `.NAME.diorite-XXXXXX`: what a crash leaves behind can be told by its name. A long name is cut, by characters. */
export function temporaryName(name: string): string {
  const suffix = `.diorite-${randomBytes(6).toString('hex')}`;
  let kept = name;
  while (Buffer.byteLength(kept) + suffix.length + 1 > NAME_BYTES_MAX) kept = [...kept].slice(0, -1).join('');
  return `.${kept}${suffix}`;
}
