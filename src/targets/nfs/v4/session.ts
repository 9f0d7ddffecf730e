// A session as the client has it: its id, its slots, and what one call of it may carry.
import type { ClientId, CreatedSession } from './session-wire.js';
import { SLOTS_MAX, SlotTable } from './slots.js';

/**
 * What a call needs besides the payload: RPC head with credentials (≤ 412 bytes), compound, SEQUENCE, PUTFH with a
 * handle of 128 bytes, READ or WRITE with its stateid. 1 KiB is more than all of it.
 */
export const HEADER_BYTES = 1024;
/** What is asked for beyond the payload; Linux's server grants its largest payload and so much, and no more. */
export const HEADER_BYTES_ASKED = 4096;

export class Session {
  readonly id: Uint8Array;
  readonly client: ClientId;
  readonly slots: SlotTable;
  /** The largest payload of a call to the server, and of an answer. */
  readonly writeBytesMax: number;
  readonly readBytesMax: number;

  constructor(client: ClientId, { id, limits }: CreatedSession) {
    this.id = id;
    this.client = client;
    this.slots = new SlotTable(Math.min(limits.slots, SLOTS_MAX));
    this.writeBytesMax = payloadOf(limits.requestBytesMax);
    this.readBytesMax = payloadOf(limits.responseBytesMax);
  }
}

/** A multiple of 512, so that pieces of a file that start aligned go on so; at least one, whatever the server says. */
function payloadOf(messageBytes: number): number {
  const bytes = messageBytes - HEADER_BYTES;
  return bytes < 512 ? 512 : bytes - (bytes % 512);
}
