// The NFS program of the mock: hands calls to version 3 or to version 4.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { type Call, PROGRAMS, type Program, type Work } from './program.js';
import { decodeV3 } from './v3.js';
import { decodeV4 } from './v4.js';
import type { V4State } from './v4-context.js';
import type { World } from './world.js';

export class NfsProgram implements Program {
  readonly number: number = PROGRAMS.nfs;
  readonly name = 'NFS';
  readonly #world: World;
  readonly #state: V4State;

  constructor(world: World, state: V4State) {
    this.#world = world;
    this.#state = state;
  }

  get versions(): readonly [number, number] {
    const { versions } = this.#world.settings;
    return [versions.includes('3') ? 3 : 4, versions.some((version) => version !== '3') ? 4 : 3];
  }

  hasVersion(version: number): boolean {
    const [low, high] = this.versions;
    return version >= low && version <= high;
  }

  decode(call: Call, xdr: XdrReader): Work | null {
    return call.version === 3 ? decodeV3(this.#world, call, xdr) : decodeV4(this.#state, call, xdr);
  }
}
