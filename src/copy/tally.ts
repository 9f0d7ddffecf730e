// Adds up what the transfers of a copy say of themselves.

/** The part of a transfer's result that is counted. */
export interface Counted {
  readonly requests: number;
  readonly copiedBytes: number;
  readonly bufferedBytes: number;
}

export class Tally {
  requests = 0;
  bytes = 0;
  copiedBytes = 0;
  bufferedBytes = 0;

  add(bytes: number, result: Counted): void {
    this.bytes += bytes;
    this.requests += result.requests;
    this.copiedBytes += result.copiedBytes;
    this.bufferedBytes += result.bufferedBytes;
  }
}
