// The objecter on a test's cluster, with memory made of pieces, and what it read compared byte for byte.
import { SegmentList } from '../../src/plan/request.js';
import { type ClusterOptions, readSettings } from '../../src/targets/rados/auth/settings.js';
import { Objecter, type ObjecterOptions } from '../../src/targets/rados/osd/objecter.js';
import type { ObjectName } from '../../src/targets/rados/osd/request.js';
import { read, write, writeFull } from '../../src/targets/rados/osd/step.js';
import type { Cleanup } from '../support/temp.js';
import type { Cluster } from './cluster.js';

/** Bytes that tell their place, and which of several patterns they are of. */
export function pattern(bytes: number, which = 0): Buffer {
  const memory = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) memory[i] = (i * 31 + (i >> 8) + which * 7) & 0xff;
  return memory;
}

/** Memory as segments of at most `pieceBytes`. */
export function segmentsOf(memory: Buffer, pieceBytes: number = memory.length): SegmentList {
  const segments = new SegmentList();
  for (let at = 0; at < memory.length; at += pieceBytes)
    segments.push(memory.buffer, memory.byteOffset + at, Math.min(pieceBytes, memory.length - at), false);
  return segments;
}

export class ObjectClient {
  readonly objecter: Objecter;
  readonly #poolName: string;

  constructor(objecter: Objecter, poolName: string) {
    this.objecter = objecter;
    this.#poolName = poolName;
  }

  static async connect(
    t: Cleanup,
    cluster: Cluster,
    { pool = 'data', ...options }: ClusterOptions & ObjecterOptions & { readonly pool?: string } = {},
  ): Promise<ObjectClient> {
    const settings = await readSettings({ conf: cluster.confPath, keyring: cluster.keyringPath, ...options });
    const objecter = await Objecter.connect(settings, options);
    t.after(() => objecter.close());
    return new ObjectClient(objecter, pool);
  }

  name(name: string, namespace = ''): ObjectName {
    const pool = this.objecter.map.poolNamed(this.#poolName);
    if (pool === undefined) throw new Error(`no pool ${this.#poolName}`);
    return { pool: pool.id, namespace, name };
  }

  async writeFull(name: string, data: Buffer, pieceBytes?: number): Promise<void> {
    await this.objecter.execute(this.name(name), [writeFull(segmentsOf(data, pieceBytes), data.length)]);
  }

  async write(name: string, offset: number, data: Buffer): Promise<void> {
    await this.objecter.execute(this.name(name), [write(offset, segmentsOf(data), data.length)]);
  }

  /** Into memory of pieces: as many bytes as came. */
  async read(name: string, offset: number, bytes: number, pieceBytes?: number): Promise<Buffer> {
    const memory = Buffer.alloc(bytes);
    const { steps } = await this.objecter.execute(this.name(name), [
      read(offset, bytes, segmentsOf(memory, pieceBytes)),
    ]);
    return memory.subarray(0, steps[0]?.bytes);
  }
}
