// Whether two things of this machine are one, or one lies under the other: a file under two names, a disk and its
// partition, a loop device and the file behind it.
import type { Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { splitDevice } from '../../targets/file/facts.js';
import { codeOf } from '../code-of.js';
import { ifExists } from './resolve.js';

/** Stacks of devices (partition on RAID on loop …) are a few deep; a stack deeper than this is not looked through. */
const DEPTH_MAX = 16;

function deviceKey(device: number): string {
  const { major, minor } = splitDevice(device);
  return `${major}:${minor}`;
}

function sysfsOf(device: number): string {
  return `/sys/dev/block/${deviceKey(device)}`;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ENXIO') return null;
    throw error;
  }
}

async function listIfThere(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

export const fileKey = (stats: Stats): string => `file ${stats.dev} ${stats.ino}`;

/** Adds what lies under the device whose directory in sysfs this is, and the device itself. */
async function addDevice(directory: string, found: Set<string>, depth: number): Promise<void> {
  const number = await readIfThere(`${directory}/dev`);
  if (number === null || depth > DEPTH_MAX || found.has(number)) return;
  found.add(number);
  if ((await readIfThere(`${directory}/partition`)) !== null)
    await addDevice(dirname(await realpath(directory)), found, depth + 1);
  for (const name of await listIfThere(`${directory}/slaves`))
    await addDevice(`${directory}/slaves/${name}`, found, depth + 1);
  const backing = await readIfThere(`${directory}/loop/backing_file`);
  const stats = backing === null ? null : await ifExists(stat(backing));
  if (stats !== null) await addStack(stats, found, depth + 1);
}

async function addStack(stats: Stats, found: Set<string>, depth: number): Promise<void> {
  if (stats.isBlockDevice()) await addDevice(sysfsOf(stats.rdev), found, depth);
  else found.add(fileKey(stats));
}

export const keyOf = (stats: Stats): string => (stats.isBlockDevice() ? deviceKey(stats.rdev) : fileKey(stats));

/** Whether one is the other, or lies somewhere under it. Two partitions of one disk do not overlap. */
export async function overlap(one: Stats, other: Stats): Promise<boolean> {
  if (keyOf(one) === keyOf(other)) return true;
  const underOne = new Set<string>();
  const underOther = new Set<string>();
  await addStack(one, underOne, 0);
  await addStack(other, underOther, 0);
  return underOne.has(keyOf(other)) || underOther.has(keyOf(one));
}
