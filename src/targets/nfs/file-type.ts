// The questions after a file's type that fs.Stats and fs.Dirent answer.
import type { NfsFileType } from './protocol.js';

/** `unknown`: whoever asked may read the directory, and not look at what is in it. Every answer is then false. */
export type FileType = NfsFileType | 'unknown';

export class Typed {
  readonly #type: FileType;

  constructor(type: FileType) {
    this.#type = type;
  }

  isFile(): boolean {
    return this.#type === 'file';
  }

  isDirectory(): boolean {
    return this.#type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#type === 'symlink';
  }

  isBlockDevice(): boolean {
    return this.#type === 'block';
  }

  isCharacterDevice(): boolean {
    return this.#type === 'character';
  }

  isFIFO(): boolean {
    return this.#type === 'fifo';
  }

  isSocket(): boolean {
    return this.#type === 'socket';
  }
}
