// MOUNT version 3 of the mock: RFC 1813 §5. Exports and any directory below them can be mounted.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Struck } from './faults.js';
import { type Call, nullWork, PROGRAMS, type Program, type Work } from './program.js';
import { fail, NfsFailure, STATUS } from './status.js';
import type { World } from './world.js';

const PATH_BYTES_MAX = 1024;
const AUTH_SYS = 1;

export class MountProgram implements Program {
  readonly number: number = PROGRAMS.mount;
  readonly name = 'MOUNT';
  readonly versions: readonly [number, number] = [3, 3];
  /** Paths that are mounted now: a client may unmount what it mounted. */
  readonly mounted: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  hasVersion(version: number): boolean {
    return version === 3;
  }

  decode(call: Call, xdr: XdrReader): Work | null {
    switch (call.procedure) {
      case 0:
        return nullWork();
      case 1:
        return this.#mnt(xdr.string(PATH_BYTES_MAX));
      case 2:
        return { ...nullWork('DUMP'), run: (out) => out.bool(false) };
      case 3:
        return this.#umnt(xdr.string(PATH_BYTES_MAX));
      case 4:
        return { ...nullWork('UMNTALL'), run: () => void this.mounted.splice(0) };
      case 5:
        return { ...nullWork('EXPORT'), run: (out) => this.#exports(out) };
      default:
        return null;
    }
  }

  #mnt(path: string): Work {
    return { ...nullWork('MNT'), run: (out, struck) => this.#mount(path, out, struck) };
  }

  #umnt(path: string): Work {
    return {
      ...nullWork('UMNT'),
      run: () => {
        const index = this.mounted.indexOf(path);
        if (index >= 0) this.mounted.splice(index, 1);
      },
    };
  }

  #mount(path: string, out: XdrWriter, struck: Struck): void {
    const at = out.headBytes;
    try {
      const status = struck.operation('MNT', 'status')?.status ?? STATUS.OK;
      if (status !== STATUS.OK) fail(status);
      const handle = this.#handleOf(path);
      this.mounted.push(path);
      out.u32(STATUS.OK);
      out.opaque(handle);
      out.u32(1);
      out.u32(AUTH_SYS);
    } catch (error) {
      if (!(error instanceof NfsFailure)) throw error;
      out.truncate(at);
      out.u32(error.status);
    }
  }

  #handleOf(path: string): Buffer {
    const { exports } = this.#world.settings;
    if (!exports.some((name) => path === name || path.startsWith(`${name}/`))) fail(STATUS.ACCESS);
    let node = this.#world.tree.root;
    for (const name of path.split('/').filter((part) => part !== '')) node = this.#world.tree.mustFind(node, name);
    return this.#world.tree.handleOf(this.#world.tree.directory(node));
  }

  #exports(out: XdrWriter): void {
    for (const name of this.#world.settings.exports) {
      out.bool(true);
      out.string(name);
      out.bool(false); // no list of groups
    }
    out.bool(false);
  }
}
