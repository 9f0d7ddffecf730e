// The engine `uring`: file operations as SQEs. What the ring cannot do runs on the thread pool through the addon.
import { constants } from 'node:os';
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';
import type { Addon } from '../../../memory/addon.js';
import type { SegmentList } from '../../../plan/request.js';
import { resultOf } from './bounded.js';
import { type Engine, Op, type Operation } from './engine.js';
import { type AddressOf, IOVEC_BYTES, IOVEC_WORDS, MAX_OPERATION_BYTES, soleBuffer, writeIovecs } from './iovecs.js';
import { completeLater } from './later.js';
import { PoolEngine } from './pool.js';
import type { RegisteredBuffers } from './registered.js';
import type { Ring } from './ring.js';
import {
  FADV_DONTNEED,
  FSYNC_DATASYNC,
  IOSQE_ASYNC,
  OP_FADVISE,
  OP_FALLOCATE,
  OP_FSYNC,
  OP_READ,
  OP_READ_FIXED,
  OP_READV,
  OP_READV_FIXED,
  OP_SYNC_FILE_RANGE,
  OP_WRITE,
  OP_WRITE_FIXED,
  OP_WRITEV,
  OP_WRITEV_FIXED,
  SYNC_RANGE_WRITE_AND_WAIT,
} from './uring-abi.js';

/** Four requests of 256 pages are faster than one of 1,024, and 256 iovecs are one page per slot. */
const SEGMENTS_MAX = 256;
/** iovecs are mapped for so many slots at a time, at first use: a program that never scatters maps none. */
const SLOTS_PER_BLOCK = 16;
const SLOT_WORDS = SEGMENTS_MAX * IOVEC_WORDS;
/** `len` of an SQE is 32 bits. */
const RANGE_BYTES_MAX = 0xffffffff;
const ASYNC: number = IOSQE_ASYNC << 8;
/** A request of this size keeps a device busy longer than an enter takes: it goes at once, while the next is planned. */
const EAGER_BYTES = 256 * 1024;

interface IovecBlock {
  readonly words: Uint32Array;
  readonly address: number;
  /** What keeps the memory mapped. */
  readonly handle: object;
}

export class UringEngine implements Engine {
  readonly name = 'uring';
  readonly addresses = true;
  readonly maxSegments: number = SEGMENTS_MAX;
  readonly depth: number;
  readonly ring: Ring;
  readonly #addon: Addon;
  readonly #addressOf: AddressOf;
  readonly #pool: PoolEngine;
  readonly #buffers: RegisteredBuffers;
  /** Vectors too may name a registered buffer: Linux 6.15. */
  readonly #fixesVectors: boolean;
  readonly #blocks: (IovecBlock | undefined)[] = [];
  /** Who said full last, and so whom `onceDrained` is about. */
  #poolIsFull = false;

  constructor(ring: Ring, addon: Addon, addressOf: AddressOf, buffers: RegisteredBuffers) {
    this.ring = ring;
    this.#addon = addon;
    this.#addressOf = addressOf;
    this.#buffers = buffers;
    this.#pool = new PoolEngine(addon, addressOf);
    this.depth = ring.depth;
    this.#fixesVectors = ring.supports([OP_READV_FIXED, OP_WRITEV_FIXED]);
  }

  get inFlight(): number {
    return this.ring.inFlight + this.#pool.inFlight;
  }

  supports(op: Op): boolean {
    return op >= Op.READ && op <= Op.SEEK;
  }

  submit(operation: Operation): boolean {
    const { op, fd, offset, length } = operation;
    if (operation.onPool === true) return this.#onPool(operation);
    switch (op) {
      case Op.READ:
        return this.#move(operation, OP_READ, OP_READ_FIXED, OP_READV, OP_READV_FIXED);
      case Op.WRITE:
        return this.#move(operation, OP_WRITE, OP_WRITE_FIXED, OP_WRITEV, OP_WRITEV_FIXED);
      case Op.FSYNC:
        return this.#push(operation, OP_FSYNC, fd, 0, 0, 0, 0);
      case Op.FDATASYNC:
        return this.#push(operation, OP_FSYNC, fd, 0, 0, 0, FSYNC_DATASYNC);
      case Op.WRITE_BACK:
        if (length > RANGE_BYTES_MAX) return this.#onPool(operation);
        return this.#push(operation, OP_SYNC_FILE_RANGE, fd, offset, 0, length, SYNC_RANGE_WRITE_AND_WAIT);
      case Op.DROP_CACHE:
        // `addr` has taken a 64-bit length since Linux 6.10 only, and was refused before.
        if (length > RANGE_BYTES_MAX) return this.#onPool(operation);
        return this.#push(operation, OP_FADVISE, fd, offset, 0, length, FADV_DONTNEED);
      case Op.FALLOCATE:
        // The length goes in `addr` and the mode in `len`.
        return this.#push(operation, OP_FALLOCATE, fd, offset, length, operation.flags, 0);
      default:
        return this.#onPool(operation);
    }
  }

  onceDrained(callback: () => void): void {
    if (this.#poolIsFull) this.#pool.onceDrained(callback);
    else this.ring.onceRoom(callback);
  }

  #move(operation: Operation, single: number, fixed: number, vectored: number, vectoredFixed: number): boolean {
    const { segments, length } = operation;
    assert(length <= MAX_OPERATION_BYTES, 'an operation moves at most what the kernel moves at once');
    const count = segments === null ? 0 : segments.count;
    if (count > 1) return this.#moveVector(operation, vectored, vectoredFixed);
    const { fd, offset, flags } = operation;
    let address = 0;
    let slot = -1;
    if (segments !== null && count === 1) {
      const buffer = segments.buffer[0];
      const byteOffset = segments.byteOffset[0] as number;
      // Detached or shrunk: there is no such memory.
      if (buffer === null || buffer === undefined || byteOffset + length > buffer.byteLength)
        return this.#answer(operation, -constants.errno.EFAULT);
      const entry = this.#buffers.use(buffer);
      address = entry.address + byteOffset;
      if (!(address >= 0)) return this.#answer(operation, -constants.errno.EFAULT); // NaN: not known
      slot = entry.slot;
    }
    if (this.ring.nextSlot() < 0) return this.#full();
    const opcode = slot < 0 ? single : fixed;
    // Buffered I/O copies in the kernel, in our own enter: a worker of the kernel does it instead.
    const how = operation.buffered ? opcode | ASYNC : opcode;
    const high = Math.floor(address / TWO_32);
    this.ring.push(operation, how, fd, offset, address | 0, length, flags, slot < 0 ? 0 : slot, high);
    if (length >= EAGER_BYTES) this.ring.flush();
    return true;
  }

  #moveVector(operation: Operation, vectored: number, fixed: number): boolean {
    const { segments } = operation;
    assert(segments !== null && segments.count <= SEGMENTS_MAX, 'at most maxSegments');
    const slot = this.ring.nextSlot();
    if (slot < 0) return this.#full();
    let block: IovecBlock;
    try {
      block = this.#blockOf(slot);
    } catch (error) {
      return this.#answer(operation, resultOf(error, -constants.errno.ENOMEM));
    }
    const at = (slot % SLOTS_PER_BLOCK) * SLOT_WORDS;
    if (!writeIovecs(block.words, at, segments, this.#addressOf))
      return this.#answer(operation, -constants.errno.EFAULT);
    const index = this.#indexOf(segments);
    const opcode = index < 0 ? vectored : fixed;
    const how = operation.buffered ? opcode | ASYNC : opcode;
    const address = block.address + at * Uint32Array.BYTES_PER_ELEMENT;
    const { fd, offset, length, flags } = operation;
    this.ring.push(operation, how, fd, offset, address, segments.count, flags, index < 0 ? 0 : index);
    if (length >= EAGER_BYTES) this.ring.flush();
    return true;
  }

  /** Of the registered buffer that holds all segments; −1: none does. */
  #indexOf(segments: SegmentList): number {
    const buffer = this.#fixesVectors ? soleBuffer(segments) : null;
    return buffer === null ? -1 : this.#buffers.use(buffer, segments.count).slot;
  }

  #push(
    operation: Operation,
    opcode: number,
    fd: number,
    offset: number,
    address: number,
    length: number,
    flags: number,
  ): boolean {
    if (this.ring.nextSlot() < 0) return this.#full();
    this.ring.push(operation, opcode, fd, offset, address, length, flags);
    return true;
  }

  #full(): boolean {
    this.#poolIsFull = false;
    return false;
  }

  #onPool(operation: Operation): boolean {
    if (this.#pool.submit(operation)) return true;
    this.#poolIsFull = true;
    return false;
  }

  #answer(operation: Operation, result: number): boolean {
    completeLater(operation, result);
    return true;
  }

  #blockOf(slot: number): IovecBlock {
    const index = Math.floor(slot / SLOTS_PER_BLOCK);
    let block = this.#blocks[index];
    if (block === undefined) {
      const { buffer, handle } = this.#addon.regionCreate(SLOTS_PER_BLOCK * SEGMENTS_MAX * IOVEC_BYTES);
      block = { words: new Uint32Array(buffer), address: this.#addon.addressOf(buffer), handle };
      this.#blocks[index] = block;
    }
    return block;
  }
}
