// nfs-async DIRECTORY_URL PATH write|read MIB: moves MIB requests of 1 MiB through libnfs's asynchronous interface, eight
// in flight, from and to one buffer per request in flight; a write ends with a COMMIT. Prints seconds, CPU seconds and
// peak MiB. What diorite's NFS target is measured beside. Needs libnfs 4.
#include <errno.h>
#include <fcntl.h>
#include <sys/time.h> // libnfs.h needs it
#include <nfsc/libnfs.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
  IN_FLIGHT = 8,
  REQUEST_BYTES = 1 << 20,
};

struct slot {
  char *memory;
  uint64_t offset;
};

static struct nfs_context *nfs;
static struct nfsfh *file;
static int writes;
static uint64_t next_offset, end_offset;
static int in_flight;

static double now_seconds(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, nfs_get_error(nfs));
  exit(1);
}

static void moved(int result, struct nfs_context *context, void *data, void *private_data);

static void start(struct slot *slot) {
  if (next_offset == end_offset) return;
  slot->offset = next_offset;
  next_offset += REQUEST_BYTES;
  in_flight++;
  int failed = writes ? nfs_pwrite_async(nfs, file, slot->offset, REQUEST_BYTES, slot->memory, moved, slot)
                      : nfs_pread_async(nfs, file, slot->offset, REQUEST_BYTES, moved, slot);
  if (failed != 0) fail("start");
}

// A read's bytes are the library's until this returns: they are copied to where the caller wants them.
static void moved(int result, struct nfs_context *context, void *data, void *private_data) {
  (void)context;
  struct slot *slot = private_data;
  if (result != REQUEST_BYTES) {
    fprintf(stderr, "%d bytes of %d at %llu\n", result, REQUEST_BYTES, (unsigned long long)slot->offset);
    exit(1);
  }
  if (!writes) memcpy(slot->memory, data, REQUEST_BYTES);
  in_flight--;
  start(slot);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: nfs-async DIRECTORY_URL PATH write|read MIB\n");
    return 2;
  }
  writes = strcmp(argv[3], "write") == 0;
  end_offset = (uint64_t)atoll(argv[4]) * REQUEST_BYTES;
  nfs = nfs_init_context();
  if (nfs == NULL) return 1;
  struct nfs_url *url = nfs_parse_url_dir(nfs, argv[1]);
  if (url == NULL || nfs_mount(nfs, url->server, url->path) != 0) fail(argv[1]);
  if (writes ? nfs_creat(nfs, argv[2], 0644, &file) != 0 : nfs_open(nfs, argv[2], O_RDONLY, &file) != 0) fail(argv[2]);
  struct slot slots[IN_FLIGHT];
  for (int i = 0; i < IN_FLIGHT; i++) {
    if (posix_memalign((void **)&slots[i].memory, 4096, REQUEST_BYTES) != 0) return 1;
    memset(slots[i].memory, i + 1, REQUEST_BYTES);
  }
  double started = now_seconds(), cpu = cpu_seconds();
  for (int i = 0; i < IN_FLIGHT; i++) start(&slots[i]);
  while (in_flight > 0) {
    struct pollfd on = {.fd = nfs_get_fd(nfs), .events = (short)nfs_which_events(nfs)};
    if (poll(&on, 1, -1) < 0 && errno != EINTR) return 1;
    if (nfs_service(nfs, on.revents) < 0) fail("service");
  }
  if (writes && nfs_fsync(nfs, file) != 0) fail("fsync");
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("%.6f %.6f %.1f\n", now_seconds() - started, cpu_seconds() - cpu, (double)used.ru_maxrss / 1024);
  return 0;
}
