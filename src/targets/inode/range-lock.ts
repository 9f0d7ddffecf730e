// Locks on ranges of an inode, so that writes of different kinds never meet in a page. First come, first served.
//
// A direct write that is in flight while a buffered one dirties the same page collides in the kernel: old bytes survive,
// and the next fsync fails ("Page cache invalidation failure on direct I/O"; seen on ext4 with io_uring, Linux 6.18).

/** Claims of one kind share their ranges; `alone` shares with nobody. */
export type ClaimKind = 'direct' | 'buffered' | 'alone';

/** A place in the queue for [start, end), held or waited for. Owned by who takes it, until it is released. */
export interface Claim {
  start: number;
  end: number;
  kind: ClaimKind;
  /** The lock's own. */
  waits: boolean;
  /** Called when a claim that had to wait is had. */
  granted(): void;
}

/**
 * A claim waits for every earlier claim that overlaps it and is of another kind. Waiters are granted in the order of
 * their asking, so none starves. Claims are as few as requests in flight on one inode, so a list will do.
 */
export class RangeLock {
  readonly #claims: Claim[] = [];
  readonly #held: Record<ClaimKind, number> = { direct: 0, buffered: 0, alone: 0 };
  #waiting = 0;

  get held(): number {
    return this.#claims.length;
  }

  /** True: it is had now. False: `granted` will be called. */
  take(claim: Claim): boolean {
    claim.waits = this.#blocked(claim);
    this.#claims.push(claim);
    this.#held[claim.kind]++;
    if (claim.waits) this.#waiting++;
    return !claim.waits;
  }

  release(claim: Claim): void {
    const at = this.#claims.indexOf(claim);
    if (at < 0) return;
    // In order, and without the list that splice would make for each write.
    const claims = this.#claims;
    for (let i = at; i + 1 < claims.length; i++) claims[i] = claims[i + 1] as Claim;
    claims.pop();
    this.#held[claim.kind]--;
    if (claim.waits) this.#waiting--;
    if (this.#waiting > 0) this.#grantWaiters();
  }

  #grantWaiters(): void {
    for (const waiter of this.#claims.filter((claim) => claim.waits)) {
      if (this.#blocked(waiter)) continue;
      waiter.waits = false;
      this.#waiting--;
      waiter.granted();
    }
  }

  #blocked(claim: Claim): boolean {
    const { kind, start, end } = claim;
    // The usual case, without a look at the list: all are of its own kind.
    if (kind !== 'alone' && this.#held[kind] === this.#claims.length) return false;
    for (const earlier of this.#claims) {
      if (earlier === claim) return false;
      if (earlier.start < end && start < earlier.end && (earlier.kind !== kind || kind === 'alone')) return true;
    }
    return false;
  }
}

/** Does `work` while it holds the range, and lets go of it however that ends. */
export async function withRange<T>(
  lock: RangeLock,
  range: { readonly start: number; readonly end: number; readonly kind: ClaimKind },
  work: () => Promise<T>,
): Promise<T> {
  let granted: () => void = () => {};
  const had = new Promise<void>((resolve) => {
    granted = resolve;
  });
  const claim: Claim = { ...range, waits: false, granted };
  if (!lock.take(claim)) await had;
  try {
    return await work();
  } finally {
    lock.release(claim);
  }
}
