// A file by a descriptor alone: it may not be opened again (another user's), and so has no descriptor with O_DIRECT.
import { type BigIntStats, fstat, read, type StatOptions, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import type { IoMode } from '../../transfer/target.js';
import type { Readable, ReadOptions } from '../source.js';
import type { Counted } from '../tally.js';

const fstatFd = promisify(fstat);

export class BorrowedFile implements Readable {
  readonly fd: number;
  readonly target = { seekable: true, size: undefined, ioMode: (): IoMode => 'buffered' } as const;

  constructor(fd: number) {
    this.fd = fd;
  }

  async read(view: Uint8Array, { position }: ReadOptions): Promise<Counted & { readonly bytesRead: number }> {
    let bytes = 0;
    let requests = 0;
    while (bytes < view.length) {
      const got = await readAt(this.fd, view.subarray(bytes), position + bytes);
      requests++;
      if (got === 0) break;
      bytes += got;
    }
    return { bytesRead: bytes, requests, copiedBytes: 0, bufferedBytes: bytes };
  }

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    return fstatFd(this.fd, options);
  }

  /** The descriptor is whose it was. */
  async close(): Promise<void> {}
}

function readAt(fd: number, view: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, view, 0, view.length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}
