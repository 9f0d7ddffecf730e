// What sysfs says of the device under a file.
import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { queue, sysfs } from '../../targets/file/facts.js';
import type { DeviceFacts, DeviceNumber } from '../probe.js';

const ATTRIBUTES = [
  'logical_block_size',
  'physical_block_size',
  'minimum_io_size',
  'optimal_io_size',
  'dma_alignment',
  'virt_boundary_mask',
  'max_sectors_kb',
  'max_hw_sectors_kb',
  'max_segments',
  'max_segment_size',
  'nr_requests',
  'scheduler',
  'rotational',
  'write_cache',
  'fua',
  'discard_max_bytes',
  'write_zeroes_max_bytes',
  'atomic_write_max_bytes',
] as const;

function nameOf(device: DeviceNumber): string | null {
  try {
    return realpathSync(`/sys/dev/block/${device.major}:${device.minor}`);
  } catch {
    return null; // No block device of that number: the file system lies in memory, on a network, or on several devices.
  }
}

/** Null where the file system has no block device of its own. */
export function deviceFacts(device: DeviceNumber): DeviceFacts | null {
  const path = nameOf(device);
  if (path === null) return null;
  const limits: Record<string, string> = {};
  for (const name of ATTRIBUTES) {
    const value = queue(device, name);
    if (value !== null) limits[name] = value;
  }
  return {
    major: device.major,
    minor: device.minor,
    name: basename(path),
    partitionOf: sysfs(device, 'partition') === null ? null : basename(dirname(path)),
    // The unit of this attribute is 512 bytes, whatever the device's block size is.
    bytes: Number(sysfs(device, 'size') ?? '0') * 512,
    readOnly: sysfs(device, 'ro') === '1',
    limits,
  };
}
