// Standard output and error as a command writes to them: small texts, at once, and nothing touched that is not written to.
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** What a command prints to. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/**
 * Node's stream for a pipe or a socket sets O_NONBLOCK on the description as soon as it is looked at, and who shares the
 * description has it too: the same pipe may be the other programs' standard error, or carry a copy's bytes. So it is
 * looked at only for a terminal, which Node opens for itself. (`import … from 'node:process'` looks at all three.)
 */
class Descriptor implements Output {
  readonly #fd: 1 | 2;
  readonly isTTY: boolean;

  constructor(fd: 1 | 2) {
    this.#fd = fd;
    this.isTTY = isatty(fd);
  }

  get #stream(): NodeJS.WriteStream {
    return this.#fd === 1 ? process.stdout : process.stderr;
  }

  get columns(): number | undefined {
    return this.isTTY ? this.#stream.columns : undefined;
  }

  write(text: string): void {
    if (this.isTTY) this.#stream.write(text);
    else this.#writeAll(Buffer.from(text));
  }

  #writeAll(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        // A reader that has enough (`diorite … | head -1`) is no failure: the rest is not written, the work goes on.
        if (code === 'EPIPE') return;
        if (code !== 'EAGAIN') throw error;
        // Somebody else has set O_NONBLOCK, and the pipe is full: Node's stream waits for it.
        this.#stream.on('error', ignoreClosed);
        this.#stream.write(bytes.subarray(at));
        return;
      }
    }
  }
}

function ignoreClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

export function standardOutput(): { readonly stdout: Output; readonly stderr: Output } {
  return { stdout: new Descriptor(1), stderr: new Descriptor(2) };
}
