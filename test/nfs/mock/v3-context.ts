// What all procedures of the mock's NFSv3 share: how one answers, fails, and shows attributes.
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import { NfsFailure, STATUS } from './status.js';
import type { Node, Tree } from './tree.js';
import { type Before, before, writeAttributes, writeBefore } from './v3-codec.js';
import type { World } from './world.js';

/** A procedure whose arguments are decoded. */
export interface Procedure {
  readonly name: string;
  readonly isRepeatable: boolean;
  /** Carries it out and writes what follows the status OK; throws NfsFailure. */
  ok(out: XdrWriter, struck: Struck): void;
  /** Writes what follows any other status. */
  failed(out: XdrWriter): void;
}

export function runProcedure(procedure: Procedure, out: XdrWriter, struck: Struck): void {
  const at = out.headBytes;
  const fault = struck.operation(procedure.name, 'status');
  try {
    if (fault !== undefined && fault.carriedOut !== true) throw new NfsFailure(fault.status);
    out.u32(STATUS.OK);
    procedure.ok(out, struck);
    if (fault !== undefined) throw new NfsFailure(fault.status);
  } catch (error) {
    if (!(error instanceof NfsFailure)) throw error;
    out.truncate(at);
    out.u32(error.status);
    procedure.failed(out);
  }
}

/** An object that a call is about, and what it was like before. Found when the call is carried out, not before. */
export class Subject {
  readonly #context: V3Context;
  readonly #handle: Uint8Array;
  #node: Node | null = null;
  #before: Before | null = null;

  constructor(context: V3Context, handle: Uint8Array) {
    this.#context = context;
    this.#handle = handle;
  }

  get node(): Node {
    if (this.#node === null) {
      this.#node = this.#context.tree.byHandle(this.#handle);
      this.#before = before(this.#node);
    }
    return this.#node;
  }

  /** post_op_attr */
  writeAfter(out: XdrWriter): void {
    const shown = this.#context.showsAttributes ? this.#node : null;
    out.bool(shown !== null);
    if (shown !== null) writeAttributes(out, shown);
  }

  /** wcc_data */
  writeChange(out: XdrWriter): void {
    const was = this.#context.showsAttributes ? this.#before : null;
    out.bool(was !== null);
    if (was !== null) writeBefore(out, was);
    this.writeAfter(out);
  }
}

export class V3Context {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  get tree(): Tree {
    return this.world.tree;
  }

  /** Servers may leave out whatever a reply can lack. */
  get showsAttributes(): boolean {
    return !this.world.settings.sparseReplies;
  }

  subject(handle: Uint8Array): Subject {
    // The message lives as long as the call.
    return new Subject(this, handle);
  }

  /** post_op_fh3, post_op_attr of something that was made or met. */
  writeObject(out: XdrWriter, node: Node): void {
    this.writeHandle(out, node);
    this.writeAttributes(out, node);
  }

  writeHandle(out: XdrWriter, node: Node): void {
    out.bool(this.showsAttributes);
    if (this.showsAttributes) out.opaque(this.tree.handleOf(node));
  }

  writeAttributes(out: XdrWriter, node: Node): void {
    out.bool(this.showsAttributes);
    if (this.showsAttributes) writeAttributes(out, node);
  }
}
