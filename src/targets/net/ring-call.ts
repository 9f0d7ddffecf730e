// One request at a time of a connection, in the ring that it shares with the files of the isolate.
import { assert } from '../../base/assert.js';
import type { Completable } from '../file/engines/later.js';
import type { Ring } from '../file/engines/ring.js';

export class RingCall implements Completable {
  readonly #ring: Ring;
  readonly #done: (result: number) => void;
  #state: 'idle' | 'waits for room' | 'in flight' = 'idle';
  /** Whether the loop is kept alive until it is done. */
  #kept = true;
  #background = false;
  #opcode = 0;
  #fd = -1;
  #offset = 0;
  #address = 0;
  #length = 0;
  #flags = 0;

  constructor(ring: Ring, done: (result: number) => void) {
    this.#ring = ring;
    this.#done = done;
  }

  get busy(): boolean {
    return this.#state !== 'idle';
  }

  start(opcode: number, fd: number, offset: number, address: number, length: number, flags: number): void {
    assert(!this.busy, 'one request at a time');
    this.#opcode = opcode;
    this.#fd = fd;
    this.#offset = offset;
    this.#address = address;
    this.#length = length;
    this.#flags = flags;
    this.#state = 'waits for room';
    this.#push();
  }

  readonly #push = (): void => {
    if (this.#state !== 'waits for room') return;
    const ring = this.#ring;
    if (ring.nextSlot() < 0) {
      ring.onceRoom(this.#push);
      return;
    }
    this.#state = 'in flight';
    ring.promptly();
    ring.push(this, this.#opcode, this.#fd, this.#offset, this.#address, this.#length, this.#flags);
    this.#place();
  };

  /** The kernel touches none of its memory when this returns. It is done later, if it was in flight. */
  cancel(): void {
    if (this.#state === 'waits for room') this.#state = 'idle';
    if (this.#state === 'in flight') this.#ring.cancel(this);
  }

  keepAlive(keep: boolean): void {
    this.#kept = keep;
    if (this.#state === 'in flight') this.#place();
  }

  #place(): void {
    if (this.#background === !this.#kept) return;
    this.#background = !this.#kept;
    this.#ring.background(this.#background ? 1 : -1);
  }

  complete(result: number): void {
    this.#state = 'idle';
    if (this.#background) {
      this.#background = false;
      this.#ring.background(-1);
    }
    this.#done(result);
  }
}
