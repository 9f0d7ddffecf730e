// How many requests Ceph's kernel client makes of a range with O_DIRECT. Pure.
// Source: Linux 6.x, fs/ceph/file.c (ceph_direct_read_write), net/ceph/striper.c (ceph_calc_file_object_mapping).

/** CEPH_MAX_WRITE_SIZE and CEPH_MAX_READ_SIZE, fs/ceph/super.h: the mount options' default, 64 MiB. */
const CEPH_REQUEST_BYTES: number = 64 * 2 ** 20;
/** The default layout: stripe unit and object of 4 MiB. */
export const CEPH_STRIPE_UNIT_BYTES: number = 4 * 2 ** 20;

/**
 * Vectors do not matter: fragments of any alignment go into one request's list. A request ends where the stripe unit
 * does, though the next one may lie in the same object.
 *
 *      file        |----unit----|----unit----|----unit----|
 *      range            [=======|============|====]             3 requests
 */
export function cephRequests(
  offset: number,
  bytes: number,
  stripeUnitBytes: number,
  requestBytes: number = CEPH_REQUEST_BYTES,
): number {
  let requests = 0;
  if (stripeUnitBytes <= requestBytes) {
    // Closed form: small units under a large range would be many steps.
    if (bytes === 0) return 0;
    return Math.floor((offset + bytes - 1) / stripeUnitBytes) - Math.floor(offset / stripeUnitBytes) + 1;
  }
  for (let at = offset; at < offset + bytes; requests++)
    at += Math.min(requestBytes, stripeUnitBytes - (at % stripeUnitBytes), offset + bytes - at);
  return requests;
}
