// From a name in a directory to the object behind it, and the pieces that all questions by name have in common.
import type { FileHandle, NfsAttributes, NfsObject } from '../protocol.js';
import { STATUS } from '../status.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import type { Asker, Question } from './asker.js';
import {
  readHandle,
  readOptionalAttributes,
  readOptionalHandle,
  skipConsistency,
  skipOptionalAttributes,
} from './attributes.js';
import { PROCEDURE } from './constants.js';
import { getAttributes } from './files.js';

/** An object as far as an answer told of it: the rest is asked. */
export interface Told {
  readonly handle: FileHandle | null;
  readonly attributes: NfsAttributes | null;
}

/** diropargs3 */
export function writeName(xdr: XdrWriter, directory: FileHandle, name: string): void {
  xdr.opaque(directory);
  xdr.string(name);
}

/** For messages. */
export function asked(operation: string, name: string): string {
  return `${operation} ${JSON.stringify(name)}`;
}

function lookupOf(directory: FileHandle, name: string): Question<Told & { readonly handle: FileHandle }> {
  return {
    procedure: PROCEDURE.LOOKUP,
    what: asked('LOOKUP', name),
    encode: (xdr) => writeName(xdr, directory, name),
    decode(xdr) {
      const handle = readHandle(xdr);
      const attributes = readOptionalAttributes(xdr);
      skipOptionalAttributes(xdr);
      return { handle, attributes };
    },
  };
}

export async function lookup(asker: Asker, directory: FileHandle, name: string): Promise<NfsObject> {
  return withAttributes(asker, await asker.ask(lookupOf(directory, name)));
}

/** Null: there is no such name. */
export async function find(asker: Asker, directory: FileHandle, name: string): Promise<NfsObject | null> {
  const question = lookupOf(directory, name);
  const answer = await asker.put(question);
  if (answer.ok) return withAttributes(asker, answer.results);
  if (answer.status === STATUS.NOENT) return null;
  throw asker.error(answer.status, question.what);
}

async function withAttributes(asker: Asker, told: Told & { readonly handle: FileHandle }): Promise<NfsObject> {
  return { handle: told.handle, attributes: told.attributes ?? (await getAttributes(asker, told.handle)) };
}

/** What CREATE, MKDIR and SYMLINK answer. */
export function readMade(xdr: XdrReader): Told {
  const made = { handle: readOptionalHandle(xdr), attributes: readOptionalAttributes(xdr) };
  skipConsistency(xdr);
  return made;
}

/** A server may leave out the handle of what it made, and its attributes. */
export async function complete(asker: Asker, directory: FileHandle, name: string, told: Told): Promise<NfsObject> {
  const { handle, attributes } = told;
  return handle === null ? lookup(asker, directory, name) : withAttributes(asker, { handle, attributes });
}
