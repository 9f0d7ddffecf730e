/* The kernel's own word: preadv, pwritev on vectors given to the byte, with O_DIRECT and without. Built by kernel.ts.
 *
 * Commands are lines on stdin; each is answered by one line with a number: what the call returned, or -errno.
 *   arena BYTES                  page-aligned memory, every page touched; the first page behind it is not mapped
 *   open MODE PATH               MODE r, w, rw or a; two descriptors: with O_DIRECT, and without
 *   fill SEED BYTES              the arena's first bytes, as kernel.ts makes them
 *   dump BYTES                   answers the line 0, then so many raw bytes of the arena
 *   r|w OFFSET COUNT AT:LEN ...  one preadv or pwritev with O_DIRECT; AT is an offset in the arena
 *   R|W OFFSET COUNT AT:LEN ...  without O_DIRECT, in calls of at most IOV_MAX vectors, until one is short
 *   punch OFFSET BYTES           a hole
 *   truncate BYTES
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, VECTORS_MAX = 4096 };

static unsigned char *arena;
static size_t arena_bytes;
static int direct = -1, buffered = -1;
static struct iovec vectors[VECTORS_MAX];

static long make_arena(size_t bytes)
{
	arena_bytes = (bytes + PAGE - 1) / PAGE * PAGE;
	arena = mmap(NULL, arena_bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		return -errno;
	if (munmap(arena + arena_bytes, PAGE) < 0)
		return -errno;
	memset(arena, 1, arena_bytes); /* btrfs buffers reads into memory that was never touched */
	return 0;
}

static void fill(uint32_t state, size_t bytes)
{
	uint32_t *words = (uint32_t *)arena;
	for (size_t i = 0; i < bytes / 4; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		words[i] = state;
	}
}

static long open_both(const char *mode, const char *path)
{
	int flags = O_CLOEXEC;
	if (strcmp(mode, "rw") == 0)
		flags |= O_RDWR;
	else if (strcmp(mode, "w") == 0)
		flags |= O_WRONLY;
	else if (strcmp(mode, "a") == 0)
		flags |= O_WRONLY | O_APPEND;
	if (direct >= 0)
		close(direct);
	if (buffered >= 0)
		close(buffered);
	buffered = open(path, flags);
	if (buffered < 0)
		return -errno;
	direct = open(path, flags | O_DIRECT);
	return direct < 0 ? -errno : 0;
}

static long move(char how, off_t offset, int count)
{
	int is_write = how == 'w' || how == 'W';
	long done = 0;
	if (how == 'r' || how == 'w') {
		done = is_write ? pwritev(direct, vectors, count, offset) : preadv(direct, vectors, count, offset);
		return done < 0 ? -errno : done;
	}
	for (int at = 0; at < count || at == 0; at += IOV_MAX) {
		int n = count - at < IOV_MAX ? count - at : IOV_MAX;
		size_t wanted = 0;
		for (int i = 0; i < n; i++)
			wanted += vectors[at + i].iov_len;
		long got = is_write ? pwritev(buffered, vectors + at, n, offset + done)
				    : preadv(buffered, vectors + at, n, offset + done);
		if (got < 0)
			return done > 0 ? done : -errno;
		done += got;
		if ((size_t)got < wanted)
			break;
	}
	return done;
}

/* Vectors may name the page behind the arena, which is not mapped. */
static int parse_vectors(char *text, int count)
{
	if (count > VECTORS_MAX)
		return -1;
	for (int i = 0; i < count; i++) {
		char *end;
		size_t at = strtoull(text, &end, 10);
		if (*end != ':' || at > arena_bytes)
			return -1;
		vectors[i].iov_base = arena + at;
		vectors[i].iov_len = strtoull(end + 1, &text, 10);
	}
	return 0;
}

static void answer(long result)
{
	printf("%ld\n", result);
	fflush(stdout);
}

static long run(char *line)
{
	long long a, b;
	char mode[4];
	int used = 0;
	if (sscanf(line, "arena %lld", &a) == 1)
		return make_arena(a);
	if (sscanf(line, "open %3s %n", mode, &used) == 1 && used > 0)
		return open_both(mode, line + used);
	if (sscanf(line, "fill %lld %lld", &a, &b) == 2 && (size_t)b <= arena_bytes) {
		fill(a, b);
		return 0;
	}
	if (sscanf(line, "punch %lld %lld", &a, &b) == 2)
		return fallocate(buffered, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a, b) < 0 ? -errno : 0;
	if (sscanf(line, "truncate %lld", &a) == 1)
		return ftruncate(buffered, a) < 0 ? -errno : 0;
	if (line[0] != '\0' && strchr("rwRW", line[0]) && sscanf(line + 1, "%lld %lld %n", &a, &b, &used) == 2 &&
	    parse_vectors(line + 1 + used, b) == 0)
		return move(line[0], a, b);
	fprintf(stderr, "not a command: %.200s\n", line);
	exit(2);
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	signal(SIGXFSZ, SIG_IGN); /* a limit of the file size is then an errno */
	for (;;) {
		ssize_t length = getline(&line, &room, stdin);
		if (length <= 0)
			return 0;
		line[length - 1] = '\0';
		long long bytes;
		if (sscanf(line, "dump %lld", &bytes) == 1 && (size_t)bytes <= arena_bytes) {
			printf("0\n");
			fwrite(arena, 1, bytes, stdout);
			fflush(stdout);
			continue;
		}
		answer(run(line));
	}
}
