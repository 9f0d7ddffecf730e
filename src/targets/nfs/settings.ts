// How a server is reached and who asks: the options of an nfs:// URL, checked.

export interface NfsSettings {
  readonly host: string;
  /** Given: no portmapper is asked. Null: 2049 for v4; v3 asks the portmapper. */
  readonly port: number | null;
  /** Of MOUNT, v3 only. Null: the portmapper is asked. */
  readonly mountPort: number | null;
  /** Null: the highest that the server has, 4.2, 4.1, 3. */
  readonly version: '3' | '4.1' | '4.2' | null;
  readonly uid: number;
  readonly gid: number;
  /** At most 16: RFC 5531 §14, AUTH_SYS. */
  readonly gids: readonly number[];
  /** TCP connections to the server, 1 to 16. */
  readonly connections: number;
  /** How long a call may take in all before it fails with ETIMEDOUT (soft), and how long a connection may take. */
  readonly timeoutMs: number;
  /** Calls are retried for ever. */
  readonly hard: boolean;
  /** The most that one READ or WRITE carries. */
  readonly ioBytesMax: number;
}
