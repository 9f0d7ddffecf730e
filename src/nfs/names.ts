// What NfsClient does with names: each of these is one call of node:fs/promises, without what errors are called.
import { constants } from 'node:fs';
import { DioriteError } from '../base/errors.js';
import {
  ACCESS,
  type NfsAttributes,
  type NfsProtocol,
  type NfsSetAttributes,
  type NfsSpace,
} from '../targets/nfs/protocol.js';
import { type Found, find, localError, type Place, walk } from '../targets/nfs/walk.js';
import { removeTree } from './remove-tree.js';

/** A server, and the directory that paths begin at. */
export interface Root {
  readonly protocol: NfsProtocol;
  readonly base: Place;
}

function isMissing(error: unknown): boolean {
  return error instanceof DioriteError && error.code === 'ENOENT';
}

/** The place of a name that is to be made. */
async function newName({ protocol, base }: Root, path: string, isDirectory: boolean): Promise<NewName> {
  const { directory, name, mustBeDirectory } = await walk(protocol, base, path, 'name');
  if (name === null) throw localError('EEXIST', protocol, `"${directory.path}" is there`);
  if (mustBeDirectory && !isDirectory) throw localError('ENOENT', protocol, `"${path}" would be a directory`);
  return { directory, name };
}

interface NewName {
  readonly directory: Place;
  readonly name: string;
}

/** A name that is to go: the server says if it is not there. A slash at its end says that it is a directory's. */
async function oldName(root: Root, path: string): Promise<NewName> {
  const { protocol, base } = root;
  const { directory, name, mustBeDirectory } = await walk(protocol, base, path, 'name');
  if (name === null) throw localError('EBUSY', protocol, `"${path}" ends in no name of its own`);
  if (mustBeDirectory && !(await find(protocol, directory, name, 'stay')).isDirectory)
    throw localError('ENOTDIR', protocol, `"${path}" is no directory`);
  return { directory, name };
}

/** By `truncate`, `chmod`, `chown`, `utimes`. */
export async function setAttributes(
  { protocol, base }: Root,
  path: string,
  set: NfsSetAttributes,
  last: 'follow' | 'stay' = 'follow',
): Promise<void> {
  const { handle } = await find(protocol, base, path, last);
  await protocol.setAttributes(handle, set);
}

export async function truncate({ protocol, base }: Root, path: string, size: number): Promise<void> {
  const { handle, attributes } = await find(protocol, base, path, 'follow');
  if (attributes.type === 'directory') throw localError('EISDIR', protocol, `"${path}" is a directory`);
  if (attributes.type !== 'file') throw localError('EINVAL', protocol, `"${path}" is no regular file`);
  await protocol.setAttributes(handle, { size });
}

export async function attributesOf(root: Root, path: string, last: 'follow' | 'stay'): Promise<NfsAttributes> {
  return (await find(root.protocol, root.base, path, last)).attributes;
}

export async function spaceOf({ protocol, base }: Root, path: string): Promise<NfsSpace> {
  return protocol.space((await find(protocol, base, path, 'follow')).handle);
}

/** `mode`: R_OK, W_OK and X_OK of access(2), by the server's word. */
export async function mustBeAllowed({ protocol, base }: Root, path: string, mode: number): Promise<void> {
  const place = await find(protocol, base, path, 'follow');
  // What else is asked of what is allowed is what the Linux client asks for, in nfs_do_access.
  const write = ACCESS.MODIFY | ACCESS.EXTEND | (place.isDirectory ? ACCESS.DELETE : 0);
  const execute = place.isDirectory ? ACCESS.LOOKUP : ACCESS.EXECUTE;
  const wanted: [number, number, string][] = [
    [constants.R_OK, ACCESS.READ, 'read'],
    [constants.W_OK, write, 'write'],
    [constants.X_OK, execute, place.isDirectory ? 'enter' : 'execute'],
  ];
  const asked = wanted.filter(([bit]) => (mode & bit) !== 0);
  if (asked.length === 0) return;
  const bits = asked.reduce((all, [, access]) => all | access, 0);
  const granted = await protocol.access(place.handle, bits);
  const refused = asked.filter(([, access]) => (granted & access) !== access).map(([, , name]) => name);
  if (refused.length === 0) return;
  throw localError(
    'EACCES',
    protocol,
    `ACCESS: the server does not let this user ${refused.join(', ')} "${place.path}"`,
  );
}

export async function rename(root: Root, from: string, to: string): Promise<void> {
  const { protocol } = root;
  const old = await oldName(root, from);
  const made = await newName(root, to, true);
  await protocol.rename(old.directory.handle, old.name, made.directory.handle, made.name);
}

export async function unlink(root: Root, path: string): Promise<void> {
  const { directory, name } = await oldName(root, path);
  await root.protocol.remove(directory.handle, name);
}

export async function removeDirectory(root: Root, path: string): Promise<void> {
  const { directory, name } = await oldName(root, path);
  await root.protocol.removeDirectory(directory.handle, name);
}

export async function remove(root: Root, path: string, recursive: boolean, force: boolean): Promise<void> {
  const { protocol } = root;
  try {
    const { directory, name } = await oldName(root, path);
    const place = await find(protocol, directory, name, 'stay');
    if (!place.isDirectory) return await protocol.remove(directory.handle, name);
    if (!recursive) throw localError('EISDIR', protocol, `"${path}" is a directory, and recursive was not asked for`);
    await removeTree(protocol, place);
  } catch (error) {
    if (!force || !isMissing(error)) throw error;
  }
}

export async function makeDirectory(root: Root, path: string, mode: number): Promise<void> {
  const { directory, name } = await newName(root, path, true);
  await root.protocol.makeDirectory(directory.handle, name, mode);
}

/** Resolves with the first directory that had to be made; undefined: none. */
export async function makeDirectories(root: Root, path: string, mode: number): Promise<string | undefined> {
  const parent = parentOf(path);
  let found: Found;
  try {
    found = await walk(root.protocol, root.base, path, 'follow');
  } catch (error) {
    if (!isMissing(error) || parent === null) throw error;
    const first = await makeDirectories(root, parent, mode);
    await makeUnlessThere(root, path, mode);
    return first ?? path;
  }
  if (found.place !== null) {
    if (found.place.isDirectory) return undefined;
    throw localError('EEXIST', root.protocol, `"${path}" is there, and is no directory`);
  }
  await makeUnlessThere(root, path, mode);
  return path;
}

/** Null: the path is a single name. */
function parentOf(path: string): string | null {
  const bare = path.replace(/\/+$/, '');
  const slash = bare.lastIndexOf('/');
  return slash <= 0 ? null : bare.slice(0, slash);
}

/** Somebody else may have made it meanwhile. */
async function makeUnlessThere(root: Root, path: string, mode: number): Promise<void> {
  try {
    await makeDirectory(root, path, mode);
  } catch (error) {
    const isThere = error instanceof DioriteError && error.code === 'EEXIST';
    if (!isThere || (await attributesOf(root, path, 'follow')).type !== 'directory') throw error;
  }
}

export async function makeLink(root: Root, to: string, path: string): Promise<void> {
  if (to === '') throw localError('ENOENT', root.protocol, 'a link to an empty path');
  const { directory, name } = await newName(root, path, false);
  await root.protocol.symlink(directory.handle, name, to);
}

export async function readLink({ protocol, base }: Root, path: string): Promise<string> {
  const place = await find(protocol, base, path, 'stay');
  if (!place.isLink) throw localError('EINVAL', protocol, `"${path}" is no symbolic link`);
  return protocol.readLink(place.handle);
}

/** As link(2): a symbolic link gets a second name itself. */
export async function link(root: Root, existing: string, path: string): Promise<void> {
  const { protocol, base } = root;
  const place = await find(protocol, base, existing, 'stay');
  if (place.isDirectory) throw localError('EPERM', protocol, `"${existing}" is a directory`);
  const { directory, name } = await newName(root, path, false);
  await protocol.link(place.handle, directory.handle, name);
}

export async function findDirectory({ protocol, base }: Root, path: string): Promise<Place> {
  const place = await find(protocol, base, path, 'follow');
  if (!place.isDirectory) throw localError('ENOTDIR', protocol, `"${path}" is no directory`);
  return place;
}
