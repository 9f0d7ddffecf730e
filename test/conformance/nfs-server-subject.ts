// NFS files of servers behind sockets as subjects of the suite: the mock, and nfs-ganesha, whose files are looked at from outside.
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { NfsConnections } from '../../src/targets/nfs/connections.js';
import type { Connect } from '../../src/targets/nfs/negotiate.js';
import { openNfsTarget } from '../../src/targets/nfs/open.js';
import type { IoCall, NfsProtocol } from '../../src/targets/nfs/protocol.js';
import { NfsPublishing } from '../../src/targets/nfs/publish.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { connectV4 } from '../../src/targets/nfs/v4/protocol-v4.js';
import type { Publishing } from '../../src/transfer/target.js';
import type { Ganesha, NfsVersion } from '../nfs/ganesha.js';
import { startMock } from '../nfs/mock/mock-server.js';
import type { Opened, OpenOptions, Properties, Store, Subject } from './subject.js';

/** Small, so that small files take several requests. */
const REQUEST_BYTES = 65_536;
const EIO = 5;
const OPERATIONS = { read: 'READ', write: 'WRITE', sync: 'COMMIT' } as const;

/** A server with a directory, and that directory by another way than NFS. */
interface Served {
  url(name: string): string;
  put(name: string, bytes: Uint8Array): void;
  /** Null: there is no such file. */
  look(name: string): Uint8Array | null;
  /** A part of it. */
  peek(name: string, offset: number, bytes: number): Uint8Array;
  names(): readonly string[];
  /** What a fault of the suite does to what goes over these connections. */
  readonly connections: NfsConnections;
}

type Faulty = OpenOptions['fails'] | 'second rename';

function connections(version: NfsVersion, wrap: (protocol: NfsProtocol) => NfsProtocol): NfsConnections {
  const connect: Connect = async (settings, path) => {
    const { protocol, rest } = await (version === '3' ? connectV3 : connectV4)(settings, path);
    return { protocol: wrap(protocol), rest };
  };
  return new NfsConnections([{ name: version, load: async () => connect }]);
}

function propertiesOf(version: NfsVersion): Properties {
  return {
    seekable: true,
    knowsSize: true,
    grows: true,
    durable: 'answer',
    failedSync: 'poisons',
    holes: version === '4.2',
    layout: false,
    rewritesEnds: false,
    publishes: true,
    releases: 'durable',
  };
}

async function open(t: TestContext, served: Served, contents: Uint8Array, name: string): Promise<Opened> {
  served.put(name, contents);
  const target = await openNfsTarget(served.connections, served.url(name), 'r+', { requestBytes: REQUEST_BYTES });
  t.after(() => target.close());
  return { target, peek: async (offset, bytes) => served.peek(name, offset, bytes) };
}

function storeOf(t: TestContext, served: Served): Store {
  t.after(() => {
    assert.deepEqual(
      served.names().filter((name) => name.startsWith('.')),
      [],
      'no temporary file is left',
    );
    assert.equal(served.connections.size, 0, 'the last publication takes the connection along');
  });
  const files = new NfsPublishing(served.connections, { requestBytes: REQUEST_BYTES });
  const publishing: Publishing = {
    cannotPublish: files.cannotPublish,
    begin: (name, options) => files.begin(served.url(name), options),
  };
  return { publishing, look: async (name) => served.look(name) };
}

// ---- the mock ----

/** Its faults are the server's own answers. */
async function mock(t: TestContext, version: NfsVersion, faulty: Faulty): Promise<Served> {
  const server = await startMock(t);
  const directory = server.tree.at('/export');
  if (faulty === 'second rename') server.fault({ on: 'RENAME', nth: 2, fault: { kind: 'status', status: EIO } });
  else if (faulty !== undefined)
    server.fault({ on: OPERATIONS[faulty.on], nth: faulty.at, fault: { kind: 'status', status: EIO } });
  return {
    connections: connections(version, (protocol) => protocol),
    url: (name) => server.url(version, `/export/${name}`).href,
    put: (name, bytes) => void server.putFile(`/export/${name}`, bytes),
    look: (name) => (directory.entries.has(name) ? server.bytesOf(`/export/${name}`).slice() : null),
    peek: (name, offset, bytes) => server.bytesOf(`/export/${name}`).slice(offset, offset + bytes),
    names: () => [...directory.entries.keys()],
  };
}

export function mockSubject(version: NfsVersion): Subject {
  return {
    name: `nfs: ${version}, the mock server`,
    properties: propertiesOf(version),
    open: async (t, { contents = new Uint8Array(0), fails }) =>
      open(t, await mock(t, version, fails), contents, 'file'),
    store: async (t, { failing }) => storeOf(t, await mock(t, version, failing ? 'second rename' : undefined)),
  };
}

// ---- nfs-ganesha ----

function eio(what: string): DioriteError {
  return new DioriteError(`EIO: ${what} fails for the sake of a test`, { code: 'EIO', errno: -EIO });
}

/** A server of flesh and blood does not fail by number: what would be sent is answered here instead. */
class Failing {
  readonly #faulty: Faulty;
  #count = 0;

  constructor(faulty: Faulty) {
    this.#faulty = faulty;
  }

  #strikes(on: 'read' | 'write' | 'rename'): boolean {
    const faulty = this.#faulty;
    const [wanted, at] = typeof faulty === 'object' ? [faulty.on, faulty.at] : ['rename', 2];
    return faulty !== undefined && on === wanted && ++this.#count === at;
  }

  wrap(protocol: NfsProtocol): NfsProtocol {
    const failed = (call: IoCall, what: string): void => queueMicrotask(() => call.failed(eio(what), false, false));
    const replaced: Partial<NfsProtocol> = {
      startRead: (call) => (this.#strikes('read') ? failed(call, 'READ') : protocol.startRead(call)),
      startWrite: (call, stable) =>
        this.#strikes('write') ? failed(call, 'WRITE') : protocol.startWrite(call, stable),
      rename: async (...names) => {
        if (this.#strikes('rename')) throw eio('RENAME');
        return protocol.rename(...names);
      },
    };
    return new Proxy(protocol, {
      get(_target, key) {
        if (key in replaced) return Reflect.get(replaced, key);
        // Private fields are those of the real one.
        const value: unknown = Reflect.get(protocol, key, protocol);
        return typeof value === 'function' ? value.bind(protocol) : value;
      },
    });
  }
}

let numbers = 0;

function ganesha(server: Ganesha, version: NfsVersion, prefix: string, faulty: Faulty): Served {
  const failing = new Failing(faulty);
  const pathOf = (name: string): string => join(server.vfsDirectory, prefix + name);
  return {
    connections: connections(version, (protocol) => failing.wrap(protocol)),
    url: (name) => server.url(version, `${server.exportPath}/${prefix}${name}`).href,
    put: (name, bytes) => writeFileSync(pathOf(name), bytes),
    look: (name) => (existsSync(pathOf(name)) ? readFileSync(pathOf(name)) : null),
    peek(name, offset, bytes) {
      const fd = openSync(pathOf(name), 'r');
      try {
        const found = new Uint8Array(bytes);
        return found.subarray(0, readSync(fd, found, 0, bytes, offset));
      } finally {
        closeSync(fd);
      }
    },
    names: () => readdirSync(server.vfsDirectory),
  };
}

/** `server`: once it runs. Each file has a name of its own: the server believes for some time what it has seen. */
export function ganeshaSubject(version: NfsVersion, server: () => Ganesha): Subject {
  const served = (faulty: Faulty): Served => ganesha(server(), version, `${++numbers}-`, faulty);
  return {
    name: `nfs: ${version}, nfs-ganesha`,
    properties: propertiesOf(version),
    open: async (t, { contents = new Uint8Array(0), fails }) => open(t, served(fails), contents, 'file'),
    store: async (t, { failing: isFailing }) => storeOf(t, served(isFailing ? 'second rename' : undefined)),
  };
}
