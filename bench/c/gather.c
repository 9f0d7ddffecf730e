// gather PATH REPETITIONS: 100,000 pieces of 100 bytes, gathered into 1 MiB at a time and written with O_DIRECT.
// Prints milliseconds for each repetition. What `writev` of the same pieces is measured beside.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  PIECES = 100000,
  PIECE_BYTES = 100,
  STRIDE_BYTES = 128, // the pieces do not follow each other in memory
  BATCH_BYTES = 1 << 20,
  PAGE_BYTES = 4096,
};

static double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void write_all(int fd, const char *from, size_t bytes, off_t at) {
  while (bytes > 0) {
    ssize_t written = pwrite(fd, from, bytes, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("pwrite");
    from += written;
    at += written;
    bytes -= (size_t)written;
  }
}

// The last batch ends within a page: whole pages go direct, the rest through a descriptor without O_DIRECT.
static void write_pieces(int direct, int buffered, const char *pieces, char *batch) {
  size_t filled = 0;
  off_t at = 0;
  for (int i = 0; i < PIECES; i++) {
    const char *piece = pieces + (size_t)i * STRIDE_BYTES;
    size_t first = PIECE_BYTES;
    if (filled + first > BATCH_BYTES) first = BATCH_BYTES - filled;
    memcpy(batch + filled, piece, first);
    filled += first;
    if (filled < BATCH_BYTES) continue;
    write_all(direct, batch, BATCH_BYTES, at);
    at += BATCH_BYTES;
    filled = PIECE_BYTES - first;
    memcpy(batch, piece + first, filled);
  }
  size_t whole = filled & ~(size_t)(PAGE_BYTES - 1);
  if (whole > 0) write_all(direct, batch, whole, at);
  if (filled > whole) write_all(buffered, batch + whole, filled - whole, at + (off_t)whole);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: gather PATH REPETITIONS\n");
    return 2;
  }
  int direct = open(argv[1], O_WRONLY | O_DIRECT), buffered = open(argv[1], O_WRONLY);
  if (direct < 0 || buffered < 0) fail(argv[1]);
  char *pieces = malloc((size_t)PIECES * STRIDE_BYTES), *batch = NULL;
  if (pieces == NULL || posix_memalign((void **)&batch, PAGE_BYTES, BATCH_BYTES) != 0) fail("malloc");
  for (size_t i = 0; i < (size_t)PIECES * STRIDE_BYTES; i++) pieces[i] = (char)(i * 2654435761u >> 24);
  memset(batch, 0, BATCH_BYTES);
  for (int i = 0; i < atoi(argv[2]); i++) {
    double started = now_ms();
    write_pieces(direct, buffered, pieces, batch);
    printf("%.4f\n", now_ms() - started);
  }
  return 0;
}
