// Files of a test's own as ends of a mover, and somebody who feeds a pipe as a program would.
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setHostPages } from '../../src/iter/host-pages.js';
import { hostPages } from '../../src/memory/pages.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import type { Engine } from '../../src/targets/file/engines/engine.js';
import type { FileTarget } from '../../src/targets/file/file-target.js';
import { PipeTarget } from '../../src/targets/pipe/pipe-target.js';
import type { IoOption } from '../../src/transfer/file-like.js';
import { openTarget } from '../conformance/file-subject.js';
import type { TestPipe } from './pipes.js';

setHostPages(hostPages());

export interface Setting {
  /** Of the stream, and of the file. */
  readonly streamEngine?: Engine;
  readonly fileEngine?: Engine;
  readonly io?: IoOption;
}

export function threads(): Engine {
  return chooseEngine('threads').engine;
}

export function streamOver(t: TestContext, fd: number, engine: Engine = chooseEngine('auto').engine): PipeTarget {
  const target = PipeTarget.over(fd, { engine });
  t.after(() => target.close());
  return target;
}

/** A file that holds `contents`, as a target. */
export async function fileOf(
  t: TestContext,
  path: string,
  contents: Uint8Array,
  { fileEngine = chooseEngine('auto').engine, io = 'prefer-direct' }: Setting = {},
): Promise<FileTarget> {
  writeFileSync(path, contents);
  return openTarget(t, fileEngine, io, path);
}

export function contentsOf(path: string): Buffer {
  return readFileSync(path);
}

/** Puts pieces into a pipe, each as one write, as long as they fit; the rest in later turns. Then closes it, unless the test did. */
export function feed(pipe: TestPipe, bytes: Uint8Array, pieceBytes: () => number, capacity: number): Promise<void> {
  return new Promise((resolve) => {
    let at = 0;
    const step = (): void => {
      if (pipe.isClosed) return resolve();
      while (at < bytes.length) {
        const piece = bytes.subarray(at, at + pieceBytes());
        // Each write may take a page more than its bytes: those that do not fit wait for the reader.
        if (pagesOf(piece.length) * 4096 > capacity) throw new Error('a piece fits into the pipe');
        if (!fits(pipe, piece.length, capacity)) break;
        at += writeSync(pipe.writes, piece);
      }
      if (at < bytes.length) return void setImmediate(step);
      pipe.close('writes');
      resolve();
    };
    step();
  });
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / 4096);
}

/** A pipe of which not a page is taken takes all its bytes; one that holds any may have a page for each byte. */
function fits(pipe: TestPipe, bytes: number, capacity: number): boolean {
  const held = pipe.waiting;
  return held === 0 || (held % 4096 === 0 && bytes % 4096 === 0 && held + bytes <= capacity);
}
