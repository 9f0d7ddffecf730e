// Encodes small changes of an OSD map for tests, as OSDMap::Incremental::encode of Ceph 16 does for clients.
import { writeAddresses } from '../../src/targets/rados/denc/entity-address.js';
import { DencWriter } from '../../src/targets/rados/denc/writer.js';

const VERSION = 8;
const OUTER_VERSION = 8;
const OUTER_COMPAT = 7;

/** `full`: a whole map instead. `up`: OSDs that came up, and have temporary groups of pool 1. */
export function incrementalBytes(
  fsid: string,
  epoch: number,
  full: Uint8Array = new Uint8Array(0),
  up: readonly number[] = [],
  osdCount = -1,
): Uint8Array {
  const writer = new DencWriter();
  writer.enter(OUTER_VERSION, OUTER_COMPAT);
  writer.enter(VERSION, 1);
  writer.raw(Buffer.from(fsid.replaceAll('-', ''), 'hex'));
  writer.u32(epoch);
  writer.zeros(8);
  // The highest pool, flags: as they were.
  writer.s64(-1n);
  writer.s32(-1);
  writer.blob(full);
  writer.u32(0);
  writer.s32(osdCount);
  // Pools, their names, those that went.
  for (let i = 0; i < 3; i++) writer.u32(0);
  writer.u32(up.length);
  for (const osd of up) {
    writer.s32(osd);
    writeAddresses(writer, [{ type: 2, nonce: osd, host: '127.0.0.1', port: 6800 + osd }]);
  }
  // States and weights.
  for (let i = 0; i < 2; i++) writer.u32(0);
  writer.u32(up.length);
  for (const osd of up) {
    writer.u8(1);
    writer.u64(1n);
    writer.u32(osd);
    writer.s32(-1);
    writer.u32(1);
    writer.s32(osd);
  }
  // Temporary primaries, affinities, profiles both ways, upmaps and their items both ways.
  for (let i = 0; i < 8; i++) writer.u32(0);
  writer.leave();
  writer.leave();
  return writer.bytes.slice();
}
