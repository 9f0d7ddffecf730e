// A portmapper that knows the mock's programs: RFC 1833 §3, version 2.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { type Call, nullWork, PROGRAMS, type Program, type Work } from './program.js';

const TCP = 6;

export interface Mapping {
  readonly program: number;
  readonly version: number;
  readonly port: number;
}

export class PortmapProgram implements Program {
  readonly number: number = PROGRAMS.portmap;
  readonly name = 'PORTMAP';
  readonly versions: readonly [number, number] = [2, 2];
  readonly #mappings: () => readonly Mapping[];

  constructor(mappings: () => readonly Mapping[]) {
    this.#mappings = mappings;
  }

  hasVersion(version: number): boolean {
    return version === 2;
  }

  decode(call: Call, xdr: XdrReader): Work | null {
    if (call.procedure === 0) return nullWork();
    if (call.procedure === 3) return this.#getPort(xdr);
    if (call.procedure !== 4) return null;
    return {
      ...nullWork('DUMP'),
      run: (out) => {
        for (const { program, version, port } of this.#mappings()) {
          out.bool(true);
          for (const word of [program, version, TCP, port]) out.u32(word);
        }
        out.bool(false);
      },
    };
  }

  #getPort(xdr: XdrReader): Work {
    const [program, version, protocol] = [xdr.u32(), xdr.u32(), xdr.u32()];
    xdr.u32(); // the port, which is what is asked for
    return {
      ...nullWork('GETPORT'),
      run: (out) => {
        const all = protocol === TCP ? this.#mappings().filter((mapping) => mapping.program === program) : [];
        // As real ones do: another version's port is better than none, and the server itself says PROG_MISMATCH.
        out.u32((all.find((mapping) => mapping.version === version) ?? all[0])?.port ?? 0);
      },
    };
  }
}
