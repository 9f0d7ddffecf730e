// When the ring hands over what is pushed: a system call each costs the processor, waiting for more costs the device.

/** When requests go to the kernel before their tick ends. */
export interface Submission {
  /** So many go together. */
  readonly many: number;
  /** One that finds nothing else in flight goes at once. */
  readonly alone: boolean;
}

/**
 * A disk that waits for the end of a tick stands still meanwhile: 4 KiB at depth 32 on virtio, writes 75 k/s by 32, 94 k
 * by 8, 117 k by 2 (fio: 116 k); reads 56, 62 and 69 k (69 k). One at a time, what is done of a tick after the request was
 * made, its promise and the await, takes 3 to 10 µs of a processor that has just woken up.
 */
export const SUBMISSION: Submission = { many: 2, alone: true };
/** What is done before the call returns loses nothing, and spares calls. */
export const SUBMIT_MANY_PROMPT = 32;
