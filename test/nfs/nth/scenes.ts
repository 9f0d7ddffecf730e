// What a client does while one message of it goes wrong: copies, writes and reads, changes of names; each checks what it left.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DioriteError } from '../../../src/base/errors.js';
import type { File } from '../../../src/handle/file.js';
import { copy, open } from '../../../src/index.js';
import { NfsClient } from '../../../src/nfs.js';
import { checkBytes, checkExtents } from '../../support/oracle.js';
import { Random } from '../../support/random.js';
import type { NfsVersion } from '../ganesha.js';
import type { MockServer } from '../mock/mock-server.js';

export interface Stage {
  readonly server: MockServer;
  readonly version: NfsVersion;
  /** An empty directory here. */
  readonly local: string;
  url(name: string): string;
}

export interface Scene {
  readonly name: string;
  /** Which happenings are tried on it: `messages`: not those of sessions; `few`: it is much like another, or tested elsewhere. */
  readonly tried: 'all' | 'messages' | 'few';
  /** What is there before. */
  prepare(stage: Stage): void;
  /** Rejects with the error that the user sees, once it was checked to be true. */
  play(stage: Stage): Promise<void>;
}

/** Small, so that a copy takes several requests. */
const REQUEST_BYTES = 8192;

function bytesOf(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(seed).fill(bytes);
  return bytes;
}

const SOURCE = bytesOf(1, 25_001);
const OLD = bytesOf(2, 9_000);

function inExport({ server }: Stage, name: string): Buffer | null {
  const has = server.tree.at('/export').entries.has(name);
  return has ? Buffer.from(server.durableBytesOf(`/export/${name}`)) : null;
}

function is(found: Buffer | null, expected: Buffer | null): boolean {
  return found === null || expected === null ? found === expected : found.equals(expected);
}

/** A copy that ends, or fails and leaves the name as it was, or, if that alone was not heard of any more, as it should be. */
function copyThere(name: string, before: Buffer | null): Scene {
  return {
    name,
    tried: before === null ? 'messages' : 'few',
    prepare(stage) {
      writeFileSync(join(stage.local, 'source'), SOURCE);
      if (before !== null) stage.server.putFile('/export/new', before);
    },
    async play(stage) {
      const options = { force: before !== null, requestBytes: REQUEST_BYTES, verify: true };
      try {
        await copy(join(stage.local, 'source'), stage.url('new'), options);
      } catch (error) {
        const left = inExport(stage, 'new');
        assert.ok(is(left, before) || is(left, SOURCE), 'the name is what it was, or what it was to be');
        const names = [...stage.server.tree.at('/export').entries.keys()];
        assert.deepEqual(names, left === null ? [] : ['new'], 'no temporary file is left');
        throw error;
      }
      assert.ok(is(inExport(stage, 'new'), SOURCE), 'byte for byte, and durable');
      const names = [...stage.server.tree.at('/export').entries.keys()];
      assert.deepEqual(names, ['new'], 'nothing else is left');
    },
  };
}

const copyBack: Scene = {
  name: 'a copy from the server',
  tried: 'few',
  prepare(stage) {
    stage.server.putFile('/export/source', SOURCE);
  },
  async play(stage) {
    const local = join(stage.local, 'copy');
    try {
      await copy(stage.url('source'), local, { requestBytes: REQUEST_BYTES });
    } catch (error) {
      assert.equal(existsSync(local), false, 'there is no half of it');
      throw error;
    }
    assert.ok(readFileSync(local).equals(SOURCE));
  },
};

/** One WRITE, several with a COMMIT, several that are durable by `sync`. */
const WRITES = [
  { offset: 1000, bytes: bytesOf(3, 4000), stable: true },
  { offset: 5000, bytes: bytesOf(4, 25_000), stable: true },
  { offset: 4100, bytes: bytesOf(5, 20_000), stable: false },
] as const;

class Writing {
  readonly stage: Stage;
  readonly file: File;
  readonly expected: Buffer = Buffer.concat([SOURCE, Buffer.alloc(4_999)]);

  constructor(stage: Stage, file: File) {
    this.stage = stage;
    this.file = file;
  }

  /** What the file holds, of this many bytes; beyond its end: zeros, as it would read when something is written behind. */
  #now(durable: boolean): Buffer {
    const { server } = this.stage;
    const bytes = durable ? server.durableBytesOf('/export/file') : server.bytesOf('/export/file');
    return Buffer.concat([bytes, Buffer.alloc(this.expected.length)], this.expected.length);
  }

  async write(offset: number, source: Buffer, stable: boolean): Promise<void> {
    const before = this.#now(false);
    const { length } = source;
    try {
      const result = await this.file.write(source, { position: offset, stable });
      assert.equal(result.bytesWritten, length);
    } catch (error) {
      assert.ok(error instanceof DioriteError, String(error));
      const { extents = [] } = error;
      checkExtents(extents, offset, length);
      const part = (bytes: Buffer): Buffer => bytes.subarray(offset, offset + length);
      const after = part(this.#now(stable));
      checkBytes({ direction: 'write', offset, bytes: length, extents, before: part(before), after, source });
      throw error;
    }
    source.copy(this.expected, offset);
    if (stable) this.#check(offset, length, 'what was written is durable');
  }

  #check(offset: number, length: number, what: string): void {
    const durable = this.#now(true).subarray(offset, offset + length);
    assert.ok(durable.equals(this.expected.subarray(offset, offset + length)), what);
  }

  /** What a server lost is written again, as the error tells. */
  async sync(): Promise<void> {
    for (let attempts = 0; ; attempts++) {
      try {
        await this.file.sync();
        break;
      } catch (error) {
        const isLost = error instanceof DioriteError && error.code === 'ERR_DIORITE_VERIFIER';
        if (!isLost || attempts > 3) throw error;
        for (const { offset, length } of error.extents ?? [])
          await this.file.write(this.expected.subarray(offset, offset + length), { position: offset, stable: false });
      }
    }
    this.#check(0, this.expected.length, 'all is durable after sync');
  }

  async readAll(): Promise<void> {
    const { size } = this.stage.server.tree.at('/export/file');
    const memory = Buffer.alloc(this.expected.length);
    const { bytesRead } = await this.file.read(memory, { position: 0 });
    assert.equal(bytesRead, size);
    assert.ok(memory.equals(this.expected), 'what is read is what was written');
  }
}

const file: Scene = {
  name: 'writes and reads',
  tried: 'all',
  prepare(stage) {
    stage.server.putFile('/export/file', SOURCE);
  },
  async play(stage) {
    const opened = await open(stage.url('file'), 'r+', { requestBytes: REQUEST_BYTES });
    try {
      const writing = new Writing(stage, opened);
      for (const { offset, bytes, stable } of WRITES) await writing.write(offset, bytes, stable);
      await writing.sync();
      await writing.readAll();
    } catch (error) {
      await Promise.allSettled([opened.close()]); // what led here is what is told
      throw error;
    }
    await opened.close();
  },
};

const names: Scene = {
  name: 'changes of names',
  tried: 'few',
  prepare(stage) {
    stage.server.putFile('/export/file', OLD);
    mkdirSync(join(stage.local, 'unused'));
  },
  async play(stage) {
    const client = await NfsClient.connect(stage.url(''));
    try {
      await client.mkdir('directory');
      await client.rename('file', 'directory/moved');
      await client.link('directory/moved', 'linked');
      await client.symlink('linked', 'symbolic');
      await client.unlink('linked');
      await client.rename('directory/moved', 'file');
      await client.rmdir('directory');
      await client.chmod('file', 0o600);
    } catch (error) {
      await Promise.allSettled([client.close()]); // what led here is what is told
      throw error;
    }
    await client.close();
    const { entries } = stage.server.tree.at('/export');
    assert.deepEqual([...entries.keys()].toSorted(), ['file', 'symbolic']);
    assert.ok(Buffer.from(stage.server.bytesOf('/export/file')).equals(OLD));
  },
};

export const SCENES: readonly Scene[] = [
  copyThere('a copy to the server', null),
  copyThere('a copy over a file of the server', OLD),
  copyBack,
  file,
  names,
];
