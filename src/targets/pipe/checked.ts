// Whether the kernel looks at how pages of a pipe lie before a device works on them.
import { existsSync } from 'node:fs';
import { PAGE_SIZE } from '../../base/integers.js';
import type { FileFacts } from '../../transfer/facts.js';

/**
 * Linux checks that (EINVAL, before anything is written) where a request of several pieces is split for its device, which
 * is in blk-mq: devices with queues in sysfs. Others (device mapper, md, zram) are given what there is: of a
 * socket's pieces zram writes what lies beside them (seen on Linux 6.18), and what a stack of devices does, nobody says.
 */
export function checksPages({ device }: FileFacts): boolean {
  const there = pathOf(device);
  return existsSync(`${there}/mq`) || existsSync(`${there}/../mq`); // a partition has its disk's
}

/**
 * Why nothing may be spliced there at all: the device takes pages for whole ones, whatever they are. Null: it may be
 * tried; file systems without a device of their own (btrfs) look at pages themselves.
 */
export function uncheckedProblem(facts: FileFacts): string | null {
  const trusts = facts.memoryAlignment.value >= PAGE_SIZE && existsSync(pathOf(facts.device)) && !checksPages(facts);
  return trusts ? 'nobody checks there how pages of a pipe lie' : null;
}

function pathOf({ major, minor }: FileFacts['device']): string {
  return `/sys/dev/block/${major}:${minor}`;
}
