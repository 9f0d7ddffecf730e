// Frames of a real cluster's traffic, mutated and cut off: every decoder refuses them in its own words, or reads something, within its bounds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { cephxToMonitor, cephxToOsd, readRenewal } from '../../src/targets/rados/auth/cephx.js';
import { Identity } from '../../src/targets/rados/auth/identity.js';
import type { CephKey } from '../../src/targets/rados/auth/key.js';
import { noAuthentication } from '../../src/targets/rados/auth/none.js';
import { type ClusterSettings, readSettings } from '../../src/targets/rados/auth/settings.js';
import { DencReader } from '../../src/targets/rados/denc/reader.js';
import { DencWriter } from '../../src/targets/rados/denc/writer.js';
import * as mon from '../../src/targets/rados/mon/messages.js';
import type { Authenticator } from '../../src/targets/rados/msgr/authenticator.js';
import { ENTITY_MON, ENTITY_OSD, Handshake } from '../../src/targets/rados/msgr/handshake.js';
import * as message from '../../src/targets/rados/msgr/message.js';
import { readPage } from '../../src/targets/rados/osd/listing.js';
import { readLockInfo, readLockNames } from '../../src/targets/rados/osd/lock-steps.js';
import { MapKeeper } from '../../src/targets/rados/osd/map-keeper.js';
import { BACKOFF_BLOCK, readBackoff, writeBackoff } from '../../src/targets/rados/osd/messages.js';
import { Objecter } from '../../src/targets/rados/osd/objecter.js';
import { OsdRequest } from '../../src/targets/rados/osd/request.js';
import * as step from '../../src/targets/rados/osd/step.js';
import { Random, runSeed } from '../support/random.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { pattern, segmentsOf } from './object-client.js';
import { type ControlFrame, type Message, Traffic } from './traffic.js';

const ROUNDS = 100_000;
/** A map that places by 2^31 tries is another test's; a frame here is read in far less. */
const FRAME_MS_MAX = 2_000;
const HEAP_GROWTH_MAX = 256 * 2 ** 20;
const MEMORY_BYTES = 4096;
const SUPPORTED = 1n;

const ADDRESS = { type: 2, nonce: 0, host: '127.0.0.1', port: 1 } as const;

/** Requests of every shape, maps whole and in steps, a command, and all that comes before. */
async function record(cluster: Cluster, settings: ClusterSettings, traffic: Traffic): Promise<OsdRequest[]> {
  const objecter = await Objecter.connect(settings, { transport: traffic.transport });
  const requests: OsdRequest[] = [];
  try {
    const pool = objecter.map.poolNamed('data');
    assert.ok(pool !== undefined);
    const object = { pool: pool.id, namespace: '', name: 'object' };
    const run = async (...steps: step.Step[]): Promise<void> => {
      requests.push(new OsdRequest(object, steps, { answered: () => undefined, failed: () => undefined }));
      await objecter.execute(object, steps);
    };
    await run(step.writeFull(segmentsOf(pattern(3000)), 3000), step.setXattr('name', Buffer.from('value')));
    await run(step.setOmap(new Map(['a', 'b', 'c'].map((key) => [key, pattern(20)]))));
    await run(step.read(0, MEMORY_BYTES, segmentsOf(Buffer.alloc(MEMORY_BYTES), 100)));
    await run(
      step.stat(),
      step.getXattrs(),
      step.sparseRead(0, 4000),
      step.omapKeys('', 9),
      step.omapValues('', '', 9),
    );
    await run(step.stat(), step.read(10, 100, segmentsOf(Buffer.alloc(100))), step.read(0, 50));
    await objecter.mon.command({ prefix: 'osd dump', format: 'json' });
    await cluster.createPool({ name: `more-${traffic.connections.length}` });
    await objecter.reached((await objecter.mon.version('osdmap')).newest);
    if (settings.key !== null) await objecter.mon.renewTickets();
  } finally {
    await objecter.close();
  }
  return requests;
}

class Decoders {
  readonly #requests: readonly OsdRequest[];
  readonly #key: CephKey | null;
  /** Before each MOSDMap: the map that it changes. */
  readonly #maps: MapKeeper = newKeeper();

  constructor(requests: readonly OsdRequest[], key: CephKey | null, first: Message) {
    this.#requests = requests;
    this.#key = key;
    this.#maps.update(mon.readOsdMap(new DencReader(first.front, 'the first map')));
  }

  message({ type, front, data }: Pick<Message, 'type' | 'front' | 'data'>, round: number): void {
    const reader = new DencReader(front, `message ${type}`);
    if (type === message.MSG_OSD_MAP) this.#osdMap(mon.readOsdMap(reader));
    else if (type === message.MSG_MON_MAP) mon.readMonMap(reader);
    else if (type === message.MSG_MON_GET_VERSION_REPLY) mon.readVersion(reader);
    else if (type === message.MSG_MON_COMMAND_ACK) mon.readCommandResult(reader, data);
    else if (type === message.MSG_OSD_BACKOFF) readBackoff(reader);
    else if (type === message.MSG_AUTH_REPLY) this.#authReply(reader);
    else if (type === message.MSG_OSD_OP_REPLY) {
      const request = this.#requests[round % this.#requests.length] as OsdRequest;
      this.#reply(request, front, data);
      this.#results(data, round);
    }
  }

  #osdMap(update: mon.OsdMapUpdate): void {
    const keeper = newKeeper();
    const { map } = this.#maps;
    assert.ok(map !== null);
    keeper.update(update);
    for (const { bytes } of update.incrementals) map.apply(bytes);
  }

  #authReply(reader: DencReader): void {
    const { payload } = mon.readAuthReply(reader);
    readRenewal(new Identity('admin', this.#key), payload);
  }

  /** As the connection does: where its data goes first. */
  #reply({ object, steps }: OsdRequest, front: Buffer, data: Buffer): void {
    const request = new OsdRequest(object, steps, { answered: () => undefined, failed: () => undefined });
    const header = new message.MessageHeader();
    if (request.sink !== null) request.place(front, data.length);
    request.replied(header, new DencReader(front, 'MOSDOpReply'), data);
  }

  #results(data: Buffer, round: number): void {
    const readers: readonly ((data: Uint8Array) => unknown)[] = [
      step.readStat,
      step.readSparse,
      step.readNamedValues,
      step.readKeys,
      readLockInfo,
      readLockNames,
      readPage,
    ];
    readers[round % readers.length]?.(data);
  }

  /** The frames of a connection before this one, as they came, and then this one. */
  control(before: readonly ControlFrame[], frame: ControlFrame, entityType: number): void {
    const identity = new Identity('admin', this.#key);
    const handshake = new Handshake(
      {
        name: 'a daemon',
        entityType,
        target: ADDRESS,
        authenticator: this.#authenticator(identity, entityType),
        modes: [1, 2],
      },
      {
        send: () => Buffer.alloc(0),
        received: () => Buffer.alloc(0),
        secure: () => undefined,
        ready: () => undefined,
      },
    );
    handshake.banner();
    handshake.bannerReceived(SUPPORTED, 0n);
    for (const { tag, payload } of [...before, frame]) handshake.control(tag, new DencReader(payload, `frame ${tag}`));
  }

  #authenticator(identity: Identity, entityType: number): Authenticator {
    if (this.#key === null) return noAuthentication(identity, entityType === ENTITY_MON);
    return entityType === ENTITY_MON ? cephxToMonitor(identity) : cephxToOsd(identity);
  }
}

function newKeeper(): MapKeeper {
  const keeper: MapKeeper = new MapKeeper({
    want: () => undefined,
    have: () => undefined,
    changed: () => undefined,
    unusable: (error) => {
      throw error;
    },
  });
  return keeper;
}

/** What a length or a count is tried with. */
const WORDS = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;

function mutated(bytes: Buffer, random: Random): Buffer {
  const cut = random.chance(4) ? random.below(bytes.length + 1) : bytes.length;
  const changed = Buffer.from(bytes.subarray(0, cut));
  for (let i = random.below(4); i > 0 && changed.length >= 4; i--) {
    const at = random.below(changed.length - 3);
    if (random.chance(3)) changed.writeUInt32LE(random.pick(WORDS), at);
    else if (random.chance(2)) changed[at] = random.below(256);
    else changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  }
  return random.chance(20) ? Buffer.concat([changed, pattern(random.below(50))]) : changed;
}

/** Of a connection, the frames before it was ready. */
function controlsOf(frames: readonly (ControlFrame | Message)[]): ControlFrame[] {
  return frames.filter((frame) => frame.kind === 'control');
}

const BACKOFF: Message = {
  kind: 'message',
  type: message.MSG_OSD_BACKOFF,
  tid: 0,
  front: backoffBytes(),
  data: Buffer.alloc(0),
};

/** An OSD sends one when it pleases: it is written as one writes it. */
function backoffBytes(): Buffer {
  const writer = new DencWriter();
  const group = { pool: 1, seed: 3, shard: -1 };
  writeBackoff(writer, { group, epoch: 7, what: BACKOFF_BLOCK, id: 9n, range: pattern(60) });
  return writer.copy();
}

function fuzz(traffic: Traffic, decoders: Decoders, rounds: number): void {
  const seed = runSeed();
  const random = new Random(seed);
  const connections = traffic.connections.map((frames) => ({
    controls: controlsOf(frames),
    entityType: frames.some((frame) => frame.kind === 'message' && frame.type === message.MSG_OSD_OP_REPLY)
      ? ENTITY_OSD
      : ENTITY_MON,
  }));
  const messages: [Message, ...Message[]] = [BACKOFF, ...byType(traffic)];
  const refused = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now();
    try {
      if (round % 4 === 0) {
        const { controls, entityType } = random.pick(connections as [(typeof connections)[0]]);
        const at = random.below(controls.length);
        const frame = controls[at] as ControlFrame;
        decoders.control(controls.slice(0, at), { ...frame, payload: mutated(frame.payload, random) }, entityType);
      } else {
        const { type, front, data } = random.pick(messages);
        decoders.message({ type, front: mutated(front, random), data: mutated(data, random) }, round);
      }
    } catch (error) {
      const code = error instanceof DioriteError ? error.code : 'none';
      refused.set(code, (refused.get(code) ?? 0) + 1);
      assert.ok(error instanceof DioriteError, `seed ${seed}, round ${round}: ${String((error as Error).stack)}`);
    }
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < FRAME_MS_MAX, `seed ${seed}, round ${round}: ${tookMs} ms`);
  }
  assert.ok((refused.get('EBADMSG') ?? 0) > rounds / 10, `seed ${seed}: ${JSON.stringify([...refused])}`);
}

/** A few of each type, so that none is rare. */
function byType(traffic: Traffic): Message[] {
  const kept = new Map<number, Message[]>();
  for (const frame of traffic.connections.flat()) {
    if (frame.kind === 'control') continue;
    const same = kept.get(frame.type) ?? [];
    if (same.length < 8) kept.set(frame.type, [...same, frame]);
  }
  return [...kept.values()].flat();
}

describe('the traffic of a cluster', { timeout: 240_000 }, () => {
  for (const auth of ['none', 'cephx'] as const) {
    it(`is refused where it was mutated or cut off, or read within bounds: ${auth}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, { auth });
      const settings = await readSettings({ conf: cluster.confPath, keyring: cluster.keyringPath });
      const traffic = new Traffic();
      const requests = await record(cluster, settings, traffic);
      const isMap = (frame: ControlFrame | Message): frame is Message =>
        frame.kind === 'message' && frame.type === message.MSG_OSD_MAP;
      const first = traffic.connections.flat().find(isMap);
      assert.ok(first !== undefined);
      const decoders = new Decoders(requests, auth === 'none' ? null : settings.key, first);
      const before = process.memoryUsage();
      fuzz(traffic, decoders, ROUNDS / 2);
      const after = process.memoryUsage();
      const grown = after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers;
      assert.ok(grown < HEAP_GROWTH_MAX, `${grown} bytes are kept`);
    });
  }
});
