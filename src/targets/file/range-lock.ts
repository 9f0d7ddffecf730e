// Locks on ranges of an inode: writes share them, a read-modify-write has its blocks alone. First come, first served.

/** A place in the queue for a range, held or waited for. */
export interface Claim {
  readonly start: number;
  readonly end: number;
  readonly alone: boolean;
  grant: (() => void) | null;
}

/**
 * A claim waits for every earlier claim that overlaps it, unless both only share. Waiters are granted in the order of
 * their asking, so none starves. Claims are few (requests in flight on one inode), so a list will do.
 */
export class RangeLock {
  readonly #claims: Claim[] = [];

  get held(): number {
    return this.#claims.length;
  }

  /** Calls `grant` when [start, end) is had: at once, or later. The claim that is returned is given to `release`. */
  take(start: number, end: number, alone: boolean, grant: () => void): Claim {
    const claim: Claim = { start, end, alone, grant };
    this.#claims.push(claim);
    if (!this.#blocked(claim)) this.#grant(claim);
    return claim;
  }

  release(claim: Claim): void {
    const at = this.#claims.indexOf(claim);
    if (at < 0) return;
    this.#claims.splice(at, 1);
    for (const waiter of this.#claims.filter((other) => other.grant !== null)) {
      if (!this.#blocked(waiter)) this.#grant(waiter);
    }
  }

  #grant(claim: Claim): void {
    const { grant } = claim;
    claim.grant = null;
    grant?.();
  }

  /** An earlier claim overlaps it, granted or not. */
  #blocked(claim: Claim): boolean {
    for (const earlier of this.#claims) {
      if (earlier === claim) return false;
      if (earlier.start < claim.end && claim.start < earlier.end && (earlier.alone || claim.alone)) return true;
    }
    return false;
  }
}
