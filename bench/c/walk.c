/* The loop that forEachPage is measured beside: vectors of one page in shuffled order, and a call for each fragment.
 * Usage: walk PAGES RUNS; prints CPU nanoseconds a page, a line for each run. The memory is never touched: nor is it there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

enum { PAGE = 4096 };

static uint64_t sum;

static int take(uint64_t page, uint32_t from, uint32_t size)
{
	sum += (page ^ size) + from;
	return 1;
}

/* Not known to the compiler, as the callback of a library is not. */
static int (*volatile callback)(uint64_t, uint32_t, uint32_t) = take;

static uint64_t for_each_page(const struct iovec *vectors, size_t count, int (*f)(uint64_t, uint32_t, uint32_t))
{
	uint64_t accepted = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t at = (uint64_t)(uintptr_t)vectors[i].iov_base;
		uint64_t end = at + vectors[i].iov_len;
		while (at < end) {
			uint32_t from = at % PAGE;
			uint64_t left = end - at;
			uint32_t size = left < PAGE - from ? left : PAGE - from;
			if (!f(at / PAGE, from, size))
				return accepted;
			at += size;
			accepted += size;
		}
	}
	return accepted;
}

int main(int argc, char **argv)
{
	size_t pages = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	int runs = argc > 2 ? atoi(argv[2]) : 0;
	struct iovec *vectors = malloc(pages * sizeof *vectors);
	if (pages == 0 || vectors == NULL)
		return 1;
	uint64_t base = (uint64_t)1 << 40;
	for (size_t i = 0; i < pages; i++)
		vectors[i] = (struct iovec){ (void *)(uintptr_t)(base + i * PAGE), PAGE };
	uint32_t state = 1;
	for (size_t i = pages - 1; i > 0; i--) {
		state = state * 1664525 + 1013904223;
		size_t j = state % (i + 1);
		struct iovec swapped = vectors[i];
		vectors[i] = vectors[j];
		vectors[j] = swapped;
	}
	for (int run = 0; run < runs; run++) {
		struct timespec from, to;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		uint64_t accepted = for_each_page(vectors, pages, callback);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		if (accepted != (uint64_t)pages * PAGE)
			return 1;
		double ns = (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
		printf("%.3f\n", ns / pages);
	}
	return sum == 0;
}
