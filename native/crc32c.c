// CRC-32C by the CPU's instruction, three streams at a time: one alone waits three cycles for each result.
#include "addon.h"

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <string.h>

// A stream's part of a round: three of them and two words more are a page.
#define STREAM_BYTES 1360

#define SSE42 __attribute__((target("sse4.2")))

// SHIFT[k][b]: what byte k of a remainder, if it is b, becomes after STREAM_BYTES zeros. The remainder is linear in
// each of its bits, so four look-ups shift any. Written once, before the first use by any thread.
static uint32_t shift_table[4][256];

static inline uint64_t load(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

SSE42 static uint32_t plain(uint32_t crc, const uint8_t *at, size_t bytes) {
  uint64_t remainder = crc;
  for (; bytes >= 8; at += 8, bytes -= 8) remainder = _mm_crc32_u64(remainder, load(at));
  for (; bytes > 0; at++, bytes--) remainder = _mm_crc32_u8((uint32_t)remainder, *at);
  return (uint32_t)remainder;
}

static inline uint32_t shift(uint32_t crc) {
  return shift_table[0][crc & 0xff] ^ shift_table[1][crc >> 8 & 0xff] ^ shift_table[2][crc >> 16 & 0xff] ^
         shift_table[3][crc >> 24];
}

__attribute__((constructor)) static void make_tables(void) {
  if (!__builtin_cpu_supports("sse4.2")) return;
  static const uint8_t zeros[STREAM_BYTES];
  for (unsigned bit = 0; bit < 32; bit++) {
    uint32_t shifted = plain(1u << bit, zeros, sizeof zeros);
    for (unsigned byte = 0; byte < 256; byte++)
      if (byte >> bit % 8 & 1) shift_table[bit / 8][byte] ^= shifted;
  }
}

SSE42 static uint32_t crc32c(uint32_t crc, const uint8_t *at, size_t bytes) {
  for (; bytes >= 3 * STREAM_BYTES; at += 3 * STREAM_BYTES, bytes -= 3 * STREAM_BYTES) {
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < STREAM_BYTES; i += 8) {
      a = _mm_crc32_u64(a, load(at + i));
      b = _mm_crc32_u64(b, load(at + STREAM_BYTES + i));
      c = _mm_crc32_u64(c, load(at + 2 * STREAM_BYTES + i));
    }
    crc = shift(shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
  }
  return plain(crc, at, bytes);
}

// crc32c(remainder, bytes): the remainder after them, inverted neither before nor after.
static napi_value js_crc32c(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t remainder;
  void *data;
  size_t length;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_u32(env, argv[0], "remainder", &remainder) ||
      !diorite_get_array(env, argv[1], "bytes", napi_uint8_array, &data, &length))
    return NULL;
  return diorite_number(env, crc32c(remainder, data, length));
}

napi_status diorite_crc32c_init(napi_env env, napi_value exports) {
  if (!__builtin_cpu_supports("sse4.2")) return napi_ok;
  return diorite_set_function(env, exports, "crc32c", js_crc32c, NULL);
}

#else

napi_status diorite_crc32c_init(napi_env env, napi_value exports) {
  (void)env;
  (void)exports;
  return napi_ok;
}

#endif
