// When something is late, and when it only looks so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Watch } from './watch.js';

const TIMEOUT_MS = 90;

class Watched {
  deadlineMs: number = Number.POSITIVE_INFINITY;
  waiting = true;
  pending = true;
  moved = false;
  stalls = 0;
  expired = 0;
  happened: () => void = () => {};

  expire(): void {
    this.expired++;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.happened();
  }

  stalled(): void {
    this.stalls++;
    this.happened();
  }
}

/** Bytes that arrive at a socket of ours, as `send` says. */
async function socketThat(t: TestContext, hears: () => void): Promise<{ send: () => void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const socket = connect(address.port, '127.0.0.1').on('data', hears);
  const [peer] = await once(server, 'connection');
  t.after(() => {
    socket.destroy();
    peer.destroy();
    server.close();
  });
  await once(socket, 'connect').catch(() => undefined);
  return { send: () => void peer.write('x') };
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('Watch', () => {
  it('tells of silence, later and later, and of a deadline', async (t) => {
    const alive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(alive));
    const watched = new Watched();
    const watch = new Watch(watched, TIMEOUT_MS);
    t.after(() => watch.stop());
    const happened = (): Promise<void> =>
      new Promise((resolve) => {
        watched.happened = resolve;
      });
    watch.active();
    watch.start();
    await happened();
    await happened();
    assert.deepEqual([watched.stalls, watched.expired], [2, 0]);
    watched.waiting = false;
    watched.deadlineMs = performance.now();
    await happened();
    assert.deepEqual([watched.stalls, watched.expired], [2, 1]);
  });

  it('looks seldom while there is no connection', async (t) => {
    const alive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(alive));
    let looks = 0;
    const watched = new Watched();
    const watch = new Watch(
      {
        get deadlineMs() {
          looks++;
          return watched.deadlineMs;
        },
        waiting: false,
        pending: true,
        moved: false,
        expire: () => watched.expire(),
        stalled: () => watched.stalled(),
      },
      TIMEOUT_MS,
    );
    t.after(() => watch.stop());
    watch.start();
    watched.deadlineMs = performance.now() + 3 * TIMEOUT_MS;
    await new Promise<void>((resolve) => {
      watched.happened = resolve;
    });
    assert.equal(watched.stalls, 0);
    assert.ok(looks < 50, `${looks} looks in ${3 * TIMEOUT_MS} ms`);
  });

  it('takes a connection on which bytes move for no silent one', async (t) => {
    const alive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(alive));
    const watched = new Watched();
    let moves = 3;
    Object.defineProperty(watched, 'moved', { get: () => --moves >= 0 });
    const watch = new Watch(watched, TIMEOUT_MS);
    t.after(() => watch.stop());
    watch.active();
    watch.start();
    await new Promise<void>((resolve) => {
      watched.happened = resolve;
    });
    assert.deepEqual([watched.stalls, moves], [1, -1]);
  });

  it('hears first what arrived while something else ran', async (t) => {
    const watched = new Watched();
    const watch = new Watch(watched, TIMEOUT_MS);
    t.after(() => watch.stop());
    watched.deadlineMs = performance.now() + TIMEOUT_MS;
    const heard = new Promise<void>((resolve) => {
      void socketThat(t, () => {
        watched.deadlineMs = Number.POSITIVE_INFINITY;
        watch.active();
        resolve();
      }).then(({ send }) => {
        watch.active();
        watch.start();
        send();
        block(2 * TIMEOUT_MS);
      });
    });
    await heard;
    await nextTurn();
    await nextTurn();
    assert.deepEqual([watched.stalls, watched.expired], [0, 0]);
  });

  it('begins anew after a time in which nobody could hear', async (t) => {
    const watched = new Watched();
    const watch = new Watch(watched, TIMEOUT_MS);
    t.after(() => watch.stop());
    watch.active();
    watch.start();
    block(2 * TIMEOUT_MS);
    await nextTurn();
    await nextTurn();
    assert.equal(watched.stalls, 0);
  });
});
