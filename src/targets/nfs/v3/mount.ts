// MOUNT version 3 (RFC 1813 §5): from the name of a directory to its handle; the list of what a server exports.
import { DioriteError } from '../../../base/errors.js';
import type { FileHandle } from '../protocol.js';
import type { Rpc, RpcRequest } from '../rpc/call.js';
import { AUTH_SYS } from '../rpc/message.js';
import { nfsError, STATUS } from '../status.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import { readHandle } from './attributes.js';
import {
  MOUNT_EXPORT,
  MOUNT_MNT,
  MOUNT_NAME_BYTES_MAX,
  MOUNT_PATH_BYTES_MAX,
  MOUNT_PROGRAM,
  MOUNT_UMNT,
  MOUNT_VERSION,
} from './constants.js';

/** Servers name a handful. */
const FLAVORS_MAX = 64;

interface Mounted {
  readonly handle: FileHandle;
  readonly flavors: readonly number[];
}

/** What MNT says of one directory: its handle, or why there is none. */
export type MountAnswer = { readonly handle: FileHandle } | { readonly error: DioriteError; readonly status: number };

function question<T>(procedure: number, directory: string | null, decode: (xdr: XdrReader) => T): RpcRequest<T> {
  return {
    program: MOUNT_PROGRAM,
    version: MOUNT_VERSION,
    procedure,
    encode(xdr) {
      if (directory !== null) xdr.string(directory);
    },
    decode,
  };
}

/** MNT. Mounting twice does no harm: a server only notes who did. */
export async function mount(rpc: Rpc, directory: string): Promise<MountAnswer> {
  const what = `MNT ${JSON.stringify(directory)}`;
  const answer = await rpc.request(question(MOUNT_MNT, directory, readMounted));
  if (typeof answer === 'number')
    return { status: answer, error: nfsError(answer, what, rpc.name, directory, 'MNT3ERR') };
  const { handle, flavors } = answer;
  if (flavors.length === 0 || flavors.includes(AUTH_SYS)) return { handle };
  const message = `EPERM: ${rpc.name}: ${what}: takes the security flavors ${flavors.join(', ')} and not AUTH_SYS (1)`;
  return { status: STATUS.ACCES, error: new DioriteError(message, { code: 'EPERM', path: directory }) };
}

/** mountres3; a number: a status other than OK. */
function readMounted(xdr: XdrReader): Mounted | number {
  const status = xdr.u32();
  if (status !== STATUS.OK) return status;
  const handle = readHandle(xdr);
  const count = xdr.u32();
  if (count > FLAVORS_MAX) throw new XdrError(`MNT names ${count} security flavors`);
  const flavors: number[] = [];
  for (let i = 0; i < count; i++) flavors.push(xdr.u32());
  return { handle, flavors };
}

/** UMNT: takes this client off the server's list of who has mounted what. */
export function unmount(rpc: Rpc, directory: string): Promise<void> {
  return rpc.request(question(MOUNT_UMNT, directory, () => {}));
}

/** EXPORT: the directories that the server exports, in its order. A list of links, bounded by the record that holds it. */
export function listExports(rpc: Rpc): Promise<string[]> {
  return rpc.request(
    question(MOUNT_EXPORT, null, (xdr) => {
      const directories: string[] = [];
      while (xdr.bool()) {
        directories.push(xdr.string(MOUNT_PATH_BYTES_MAX));
        // Who may mount it, as far as the server tells.
        while (xdr.bool()) xdr.opaque(MOUNT_NAME_BYTES_MAX);
      }
      return directories;
    }),
  );
}
