// Moves a megabyte through pipes both ways, and gives a region away, where all of that may be refused. Prints how it went.
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import '../../../src/memory/host.js';
import { loadAddon } from '../../../src/memory/addon.js';
import { Region } from '../../../src/memory.js';
import { openFileTarget } from '../../../src/targets/file/open-file.js';
import { PipeTarget } from '../../../src/targets/pipe/pipe-target.js';
import { moveFileToPipe, movePipeToFile, movePipeToFiles } from '../../../src/targets/pipe/splice.js';

const BYTES = 1024 * 1024;
const path = process.argv[2] ?? '';
const sent = Buffer.alloc(BYTES);
for (let i = 0; i < BYTES; i++) sent[i] = (i * 31 + (i >> 12)) & 255;

/** A pipe that holds a megabyte. */
function pipe(): { reads: number; writes: number } {
  const out = new Int32Array(2);
  if (loadAddon()?.pipeCreate(out) !== 0 || (loadAddon()?.pipeSize(out[1] ?? -1, BYTES) ?? -1) < BYTES)
    throw new Error('no pipe of a megabyte');
  return { reads: out[0] ?? -1, writes: out[1] ?? -1 };
}

function full(): PipeTarget {
  const { reads, writes } = pipe();
  writeSync(writes, sent);
  closeSync(writes);
  return PipeTarget.over(reads);
}

const { target } = await openFileTarget(path, 'w+', {});
const into = await movePipeToFile({ source: full(), target });
const intoSame = readFileSync(path).equals(sent);

closeSync(openSync(`${path}-2`, 'w'));
const { target: second } = await openFileTarget(`${path}-2`, 'r+', {});
const both = await movePipeToFiles({ source: full(), destinations: [{ target }, { target: second }] });
await second.close();
const bothSame = readFileSync(path).equals(sent) && readFileSync(`${path}-2`).equals(sent);

const back = pipe();
const out = await moveFileToPipe({ target, sink: PipeTarget.over(back.writes) });
const got = Buffer.alloc(BYTES);
for (let at = 0; at < BYTES; ) at += readSync(back.reads, got, at, BYTES - at, null);
const given = await PipeTarget.over(back.writes)
  .give(new Region(4096))
  .then(
    () => 'given',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
await target.close();
writeFileSync(1, JSON.stringify({ into, intoSame, both, bothSame, out, outSame: got.equals(sent), given }));
