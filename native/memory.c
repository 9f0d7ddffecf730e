// Regions: page-aligned memory that outlives whatever JavaScript does to the buffer over it, and addresses of buffers.
//
//   ArrayBuffer --finalizer--+
//                            +--> struct region (refs) --> mmap        unmapped when refs reaches zero
//   handle ------finalizer---+
//
// Work in flight keeps the handle alive, so a buffer that is detached, transferred or collected meanwhile takes nothing
// away from under the kernel. mmap, not malloc: a stray write after munmap meets pages that the kernel still pins or
// nothing at all, never another user's heap block.
#include "addon.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

struct region {
  void *base;
  size_t bytes;
  atomic_uint refs;
};

// What the external value `handle` points to. Its reference goes with its finalizer, or earlier by regionRelease.
struct handle {
  struct region *region;
};

static atomic_llong mapped_bytes; // of the whole process: all environments together

#define HUGE_BYTES ((size_t)2 << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // linux/mman.h since 5.14
#endif

static void *map_anonymous(size_t bytes, int flags) {
  void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return base == MAP_FAILED ? NULL : base;
}

// Pages of 2 MiB: what lies together then also lies together for the device, so that 1 MiB is one segment and not 256
// (measured: 4 MiB written in 1.3 ms instead of 2.1, a quarter of the system's time). Asked for before the first touch,
// on a 2 MiB boundary, which kernels before 6.7 give by chance only.
static void *map_huge(size_t bytes) {
  char *wide = map_anonymous(bytes + HUGE_BYTES, 0);
  if (wide == NULL) return NULL;
  size_t before = (HUGE_BYTES - (uintptr_t)wide % HUGE_BYTES) % HUGE_BYTES;
  if (before > 0) munmap(wide, before);
  munmap(wide + before + bytes, HUGE_BYTES - before);
  char *base = wide + before;
  (void)madvise(base, bytes, MADV_HUGEPAGE); // refused where huge pages are turned off: small ones will do
  if (madvise(base, bytes, MADV_POPULATE_WRITE) != 0) {
    for (size_t at = 0; at < bytes; at += 4096) ((volatile char *)base)[at] = 0;
  }
  return base;
}

static struct region *region_map(size_t bytes) {
  struct region *region = malloc(sizeof *region);
  if (region == NULL) return NULL;
  // Populated: the first direct read into fresh memory would otherwise fault in every page while it pins them.
  void *base = bytes >= HUGE_BYTES ? map_huge(bytes) : map_anonymous(bytes, MAP_POPULATE);
  if (base == NULL) {
    free(region);
    return NULL;
  }
  // A child forked during a direct read would share these pages copy-on-write, and a parent that then writes to one
  // gets a copy while the device fills the original. The child needs none of them, and fork is faster without. A
  // kernel that refuses only leaves things as they are.
  (void)madvise(base, bytes, MADV_DONTFORK);
  region->base = base;
  region->bytes = bytes;
  atomic_init(&region->refs, 1);
  atomic_fetch_add(&mapped_bytes, (long long)bytes);
  return region;
}

static void region_put(struct region *region) {
  if (atomic_fetch_sub(&region->refs, 1) != 1) return;
  munmap(region->base, region->bytes);
  atomic_fetch_sub(&mapped_bytes, (long long)region->bytes);
  free(region);
}

// The buffer's finalizer: engines may run it late or on another thread, so it calls nothing of Node-API.
static void buffer_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  region_put(hint);
}

static void handle_release(napi_env env, struct handle *handle) {
  struct region *region = handle->region;
  if (region == NULL) return;
  handle->region = NULL;
  int64_t external;
  (void)napi_adjust_external_memory(env, -(int64_t)region->bytes, &external);
  region_put(region);
}

// The handle's finalizer: on the environment's own thread, at the latest when the environment ends.
static void handle_gone(napi_env env, void *data, void *hint) {
  (void)hint;
  handle_release(env, data);
  free(data);
}

// The handle of a region, which takes over its first reference.
static napi_value handle_create(napi_env env, struct region *region) {
  napi_value value;
  struct handle *handle = malloc(sizeof *handle);
  if (handle == NULL) {
    region_put(region);
    diorite_throw_errno(env, ENOMEM, "malloc");
    return NULL;
  }
  handle->region = region;
  if (napi_create_external(env, handle, handle_gone, NULL, &value) != napi_ok) {
    free(handle);
    region_put(region);
    diorite_throw_last(env);
    return NULL;
  }
  // V8 does not see mapped memory: without being told it would let hundreds of megabytes of unreachable regions pile up.
  int64_t external;
  (void)napi_adjust_external_memory(env, (int64_t)region->bytes, &external);
  return value;
}

// The buffer over a region, with a reference of its own.
static napi_value buffer_create(napi_env env, struct region *region) {
  napi_value buffer;
  atomic_fetch_add(&region->refs, 1);
  napi_status status =
      napi_create_external_arraybuffer(env, region->base, region->bytes, buffer_gone, region, &buffer);
  if (status == napi_ok) return buffer;
  region_put(region);
  if (status == napi_no_external_buffers_allowed) {
    diorite_throw_code(env, "ERR_DIORITE_NO_EXTERNAL_BUFFERS", "this runtime allows no external ArrayBuffers");
  } else {
    diorite_throw_last(env);
  }
  return NULL;
}

// regionCreate(bytes): { buffer, handle }
static napi_value region_create(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  int64_t bytes;
  if (!diorite_args(env, info, 1, argv) || !diorite_get_i64(env, argv[0], "bytes", &bytes)) return NULL;
  if (bytes <= 0) {
    diorite_throw_errno(env, EINVAL, "mmap");
    return NULL;
  }
  struct region *region = region_map((size_t)bytes);
  if (region == NULL) {
    diorite_throw_errno(env, ENOMEM, "mmap");
    return NULL;
  }
  napi_value handle = handle_create(env, region);
  if (handle == NULL) return NULL;
  napi_value buffer = buffer_create(env, region);
  if (buffer == NULL) return NULL;
  DIORITE_TRY(env, napi_create_object(env, &result));
  DIORITE_TRY(env, napi_set_named_property(env, result, "buffer", buffer));
  DIORITE_TRY(env, napi_set_named_property(env, result, "handle", handle));
  return result;
}

// regionRelease(handle): it keeps nothing from now on.
static napi_value region_release(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  void *handle;
  if (!diorite_args(env, info, 1, argv)) return NULL;
  DIORITE_TRY(env, napi_get_value_external(env, argv[0], &handle));
  handle_release(env, handle);
  return diorite_undefined(env);
}

// regionDetach(buffer): its views have length 0 from now on. The memory stays until the handle goes too.
static napi_value region_detach(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!diorite_args(env, info, 1, argv)) return NULL;
  DIORITE_TRY(env, napi_detach_arraybuffer(env, argv[0]));
  return diorite_undefined(env);
}

// regionBytes(): number
static napi_value region_bytes(napi_env env, napi_callback_info info) {
  (void)info;
  return diorite_number(env, (double)atomic_load(&mapped_bytes));
}

// A SharedArrayBuffer is no ArrayBuffer to Node-API: its memory shows only through a view, which C can make only by
// calling JavaScript's constructor. Asked once per buffer, so the price does not matter.
static napi_status shared_data(napi_env env, napi_value buffer, void **data, size_t *bytes) {
  napi_value global, constructor, view;
  napi_typedarray_type type;
  napi_status status = napi_get_global(env, &global);
  if (status == napi_ok) status = napi_get_named_property(env, global, "Uint8Array", &constructor);
  if (status == napi_ok) status = napi_new_instance(env, constructor, 1, &buffer, &view);
  if (status == napi_ok) status = napi_get_typedarray_info(env, view, &type, bytes, data, NULL, NULL);
  return status;
}

// addressOf(buffer): number
static napi_value address_of(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  void *data = NULL;
  size_t bytes = 0;
  bool is_array_buffer = false;
  if (!diorite_args(env, info, 1, argv)) return NULL;
  DIORITE_TRY(env, napi_is_arraybuffer(env, argv[0], &is_array_buffer));
  if (is_array_buffer) {
    DIORITE_TRY(env, napi_get_arraybuffer_info(env, argv[0], &data, &bytes));
  } else {
    DIORITE_TRY(env, shared_data(env, argv[0], &data, &bytes));
  }
  // User addresses have 47 bits (56 at the very most, with five-level tables on request): a double holds the ones that
  // mmap gives without asking for more.
  return diorite_number(env, bytes == 0 ? 0 : (double)(uintptr_t)data);
}

napi_status diorite_memory_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "regionCreate", region_create, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "regionDetach", region_detach, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "regionRelease", region_release, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "regionBytes", region_bytes, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "addressOf", address_of, NULL);
  return status;
}
