// What the dispatcher tells recovery: it sends calls and sees what becomes of them; recovery mends what is behind them.

export interface Recoverer {
  /** Client ids in a row: the files' states belong to one. */
  readonly epoch: number;
  /** The session is gone or out of step: `status` says so. */
  sessionLost(status: number): void;
  /** The server has forgotten the client, or restarted without telling. */
  clientLost(): void;
  /** States of open files may be gone: each is asked for. */
  checkStates(): void;
  /** sr_status_flags of an answer. */
  flagged(flags: number): void;
  /** A call waits for a session, and there is none. */
  wanted(): void;
}
