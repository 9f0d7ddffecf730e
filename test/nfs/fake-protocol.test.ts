// The fake server keeps to the interface that it stands for, and its faults do what they say.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { SegmentList } from '../../src/plan/request.js';
import { type Committed, FILE_SYNC, type IoCall, type NfsOpenFile, UNSTABLE } from '../../src/targets/nfs/protocol.js';
import { FakeProtocol, nthFault } from './fake-protocol.js';

type Answer =
  | { readonly bytes: number; readonly end: boolean }
  | { readonly bytes: number; readonly committed: Committed; readonly verifier: bigint }
  | { readonly code: string; readonly unsent: boolean };

class Call implements IoCall {
  readonly segments: SegmentList = new SegmentList();
  readonly file: NfsOpenFile;
  readonly offset: number;
  readonly bytes: number;
  readonly answer: Promise<Answer>;
  #resolve: (answer: Answer) => void = () => {};

  constructor(file: NfsOpenFile, offset: number, ...views: readonly Uint8Array[]) {
    this.file = file;
    this.offset = offset;
    for (const view of views) this.segments.push(view.buffer, view.byteOffset, view.length, false);
    this.bytes = views.reduce((sum, view) => sum + view.length, 0);
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  readDone(bytes: number, end: boolean): void {
    this.#resolve({ bytes, end });
  }

  writeDone(bytes: number, committed: Committed, verifier: bigint): void {
    this.#resolve({ bytes, committed, verifier });
  }

  failed({ code }: DioriteError, unsent: boolean): void {
    this.#resolve({ code, unsent });
  }
}

function write(
  fake: FakeProtocol,
  file: NfsOpenFile,
  offset: number,
  text: string,
  stable = UNSTABLE,
): Promise<Answer> {
  const call = new Call(file, offset, Buffer.from(text));
  fake.startWrite(call, stable);
  return call.answer;
}

function textOf(fake: FakeProtocol): string {
  return Buffer.from(fake.bytesOf('/f')).toString();
}

async function opened(fake: FakeProtocol, text = ''): Promise<NfsOpenFile> {
  fake.putFile('/f', Buffer.from(text));
  return (await fake.open(fake.root.handle, 'f', { reads: true, writes: true, create: 'never' })).file;
}

describe('the fake NfsProtocol', () => {
  it('moves bytes between segments and a file, short at the end of it', async () => {
    const fake = new FakeProtocol();
    const file = await opened(fake);
    const out = new Call(file, 5000, Buffer.from('abc'), Buffer.from('defg'));
    fake.startWrite(out, FILE_SYNC);
    assert.deepEqual(await out.answer, { bytes: 7, committed: FILE_SYNC, verifier: 0x1000n });
    const [one, other] = [Buffer.alloc(4), Buffer.alloc(10)];
    const back = new Call(file, 4999, one, other);
    fake.startRead(back);
    assert.equal(one.toString('latin1'), '\0\0\0\0');
    assert.deepEqual(await back.answer, { bytes: 8, end: true });
    assert.deepEqual([one.toString('latin1'), other.toString('latin1', 0, 4)], ['\0abc', 'defg']);
  });

  it('forgets in a restart what was not committed, byte by byte, and has another verifier then', async () => {
    const fake = new FakeProtocol();
    const file = await opened(fake, 'old old old');
    await write(fake, file, 0, 'NEW');
    await write(fake, file, 4, 'SYN', FILE_SYNC);
    await write(fake, file, 8, 'NEWER');
    assert.equal(textOf(fake), 'NEW SYN NEWER');
    assert.equal(fake.allDurable, false);
    fake.restart();
    assert.equal(textOf(fake), 'old SYN old');
    await write(fake, file, 8, 'NEWER');
    assert.equal(await fake.commit(file), 0x1001n);
    assert.equal(fake.allDurable, true);
    fake.restart();
    assert.equal(textOf(fake), 'old SYN NEWER');
  });

  it('answers short, with errors before and after the deed, by the number of the call', async () => {
    const fake = new FakeProtocol();
    const file = await opened(fake);
    fake.faults = nthFault('startWrite', 1, { bytes: 2 });
    assert.deepEqual(await write(fake, file, 0, 'abcd'), { bytes: 2, committed: UNSTABLE, verifier: 0x1000n });
    fake.faults = nthFault('startWrite', 2, { error: 'ENOSPC' });
    assert.deepEqual(await write(fake, file, 2, 'cd'), { code: 'ENOSPC', unsent: false });
    assert.equal(textOf(fake), 'ab');
    fake.faults = nthFault('startWrite', 3, { error: 'EIO', done: true });
    assert.deepEqual(await write(fake, file, 2, 'cd'), { code: 'EIO', unsent: false });
    assert.equal(textOf(fake), 'abcd');
    fake.faults = nthFault(null, fake.log.length + 1, { error: 'EACCES' });
    await assert.rejects(fake.lookup(fake.root.handle, 'f'), {
      code: 'EACCES',
      message: /^fake:2049: LOOKUP f: EACCES$/,
    });
    await assert.rejects(fake.lookup(fake.root.handle, 'g'), { code: 'ENOENT' });
  });

  it('holds answers until they are released, and gives calls up', async () => {
    const fake = new FakeProtocol({ slots: 2 });
    const file = await opened(fake);
    fake.faults = () => ({ hold: true });
    const calls = ['a', 'b', 'c'].map((text, at) => new Call(file, at, Buffer.from(text)));
    for (const call of calls) fake.startWrite(call, UNSTABLE);
    assert.deepEqual([fake.room, fake.held, fake.inFlight], [0, 2, 3]);
    const room = new Promise<void>((resolve) => fake.onceRoom(resolve));
    for (const call of calls.slice(1)) fake.abandon(call);
    assert.deepEqual(await calls[1]?.answer, { code: 'ECANCELED', unsent: false });
    assert.deepEqual(await calls[2]?.answer, { code: 'ECANCELED', unsent: true });
    await room;
    fake.release();
    assert.deepEqual(await calls[0]?.answer, { bytes: 1, committed: UNSTABLE, verifier: 0x1000n });
    assert.deepEqual([fake.room, fake.held, fake.inFlight, fake.mostInFlight], [2, 0, 0, 2]);
  });

  it('knows holes, and copies within itself', async () => {
    const fake = new FakeProtocol();
    const file = await opened(fake);
    await write(fake, file, 8192, 'x', FILE_SYNC);
    assert.deepEqual([await fake.seek(file, 0, 'data'), await fake.seek(file, 0, 'hole')], [8192, 0]);
    assert.deepEqual([await fake.seek(file, 8192, 'hole'), await fake.seek(file, 8193, 'data')], [8193, null]);
    assert.equal((await fake.copy(file, 8192, file, 0, 100)).bytes, 1);
    await fake.deallocate(file, 8192, 4096);
    assert.equal(await fake.seek(file, 4096, 'data'), null);
    const old = new FakeProtocol({ version: '4.1' });
    await assert.rejects(old.seek(await opened(old), 0, 'data'), { code: 'ERR_DIORITE_UNSUPPORTED' });
  });

  it('lists directories in parts, and keeps unlinked files as long as they are open', async () => {
    const fake = new FakeProtocol({ strictCookies: true });
    const file = await opened(fake, 'x');
    fake.putDirectory('/d');
    const root = fake.root.handle;
    const first = await fake.readDirectory(root, 0n, 0n, 1);
    assert.deepEqual([first.entries.map(({ name }) => name), first.end], [['f'], false]);
    const next = await fake.readDirectory(root, first.cookie, first.verifier, 1000);
    assert.deepEqual([next.entries.map(({ name }) => name), next.end], [['d'], true]);
    await fake.remove(root, 'f');
    await assert.rejects(fake.readDirectory(root, first.cookie, first.verifier, 1000), { message: /NOT_SAME/ });
    assert.equal((await fake.attributes(file.handle)).links, 0);
    await fake.closeFile(file);
    await assert.rejects(fake.attributes(file.handle), { code: 'ESTALE' });
  });
});
