// The ring: io_uring's system calls, its mapped queues, and the wake-up. Everything else is JavaScript (engines/ring.ts).
//
//        JavaScript                 this file                        kernel
//   writes SQEs, then       enter() ────────────────▶  takes SQEs, runs completions (DEFER_TASKRUN)
//                           on_event() ◀── eventfd ──  something completed
//   wake() ◀────────────    drains the eventfd, calls back
//   reads CQEs
//
// Two things here keep memory safe, and nothing else does:
//  - `submitted` counts what the kernel took, so that closing and the end of the environment can wait until the tail of
//    the completion queue has reached it: until then the kernel may write to buffers that would be freed next.
//  - `refs` counts who may still read the mappings or this struct: the open ring, each ArrayBuffer, each function.
#include "addon.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

// The same on every architecture; the C library's headers may be older than the kernel.
#define NR_IO_URING_SETUP 425
#define NR_IO_URING_ENTER 426
#define NR_IO_URING_REGISTER 427

// IORING_REGISTER_SYNC_CANCEL, Linux 6.0, and IORING_ASYNC_CANCEL_ALL | _ANY, 5.19: newer than some headers.
#define REGISTER_SYNC_CANCEL 24
#define CANCEL_ALL_OF_ANY ((1u << 0) | (1u << 2))

// IORING_REGISTER_BUFFERS2 and _BUFFERS_UPDATE, Linux 5.13, and IORING_RSRC_REGISTER_SPARSE, 5.19.
#define REGISTER_BUFFERS2 15
#define REGISTER_BUFFERS_UPDATE 16
#define REGISTER_SPARSE (1u << 0)

#define PROBE_OPS 256

struct rsrc_register {
  uint32_t nr;
  uint32_t flags;
  uint64_t resv2;
  uint64_t data;
  uint64_t tags;
};

struct rsrc_update2 {
  uint32_t offset;
  uint32_t resv;
  uint64_t data;
  uint64_t tags;
  uint32_t nr;
  uint32_t resv2;
};

struct sync_cancel {
  uint64_t addr;
  int32_t fd;
  uint32_t flags;
  struct {
    int64_t seconds;
    int64_t nanoseconds;
  } timeout;
  uint64_t pad[4];
};

struct ring {
  napi_env env;
  uv_poll_t poll;
  int fd;
  int event_fd;
  bool closed;
  void *queues; // both queues: IORING_FEAT_SINGLE_MMAP
  size_t queues_bytes;
  void *sqes;
  size_t sqes_bytes;
  _Atomic uint32_t *cq_head;
  _Atomic uint32_t *cq_tail;
  uint32_t submitted; // wraps, as the tail does
  atomic_int refs;
  napi_ref wake;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
};

static int sys_setup(uint32_t entries, struct io_uring_params *params) {
  return (int)syscall(NR_IO_URING_SETUP, entries, params);
}

static int sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags) {
  return (int)syscall(NR_IO_URING_ENTER, fd, to_submit, min_complete, flags, NULL, 0);
}

static int sys_register(int fd, unsigned opcode, void *arg, unsigned count) {
  return (int)syscall(NR_IO_URING_REGISTER, fd, opcode, arg, count);
}

// ---- Lifetime ------------------------------------------------------------------------------------------------------

static void ring_unref(struct ring *ring) {
  if (atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) != 1) return;
  if (ring->sqes != NULL) munmap(ring->sqes, ring->sqes_bytes);
  if (ring->queues != NULL) munmap(ring->queues, ring->queues_bytes);
  free(ring);
}

static void finalize_buffer(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  ring_unref(hint);
}

static void finalize_function(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  ring_unref(data);
}

// Waits until the kernel has let go of every buffer. Completions are dropped: nobody is left to read them.
static void ring_drain(struct ring *ring) {
  for (;;) {
    uint32_t tail = atomic_load_explicit(ring->cq_tail, memory_order_acquire);
    uint32_t pending = ring->submitted - tail;
    if (pending == 0) return;
    // The wait counts from the head: what has completed must not count towards what is awaited.
    atomic_store_explicit(ring->cq_head, tail, memory_order_release);
    if (sys_enter(ring->fd, 0, pending, IORING_ENTER_GETEVENTS) >= 0) continue;
    if (errno == EINTR || errno == EAGAIN || errno == EBUSY) continue;
    // Going on would free memory that the kernel still writes to.
    napi_fatal_error("diorite_ring_drain", NAPI_AUTO_LENGTH,
                     "cannot wait for I/O in flight: the ring's descriptor was closed by somebody else",
                     NAPI_AUTO_LENGTH);
  }
}

// Takes back what can be taken back: a worker that reads a pipe that nobody writes to could not be terminated.
static void ring_cancel_all(struct ring *ring) {
  struct sync_cancel cancel;
  memset(&cancel, 0, sizeof cancel);
  cancel.fd = -1;
  cancel.flags = CANCEL_ALL_OF_ANY;
  // The result says nothing that matters: ENOENT, EALREADY (a disk's cannot be), ETIME, EINVAL (before Linux 6.0).
  (void)sys_register(ring->fd, REGISTER_SYNC_CANCEL, &cancel, 1);
}

static void on_poll_closed(uv_handle_t *handle) {
  struct ring *ring = handle->data;
  napi_handle_scope scope;
  if (napi_open_handle_scope(ring->env, &scope) == napi_ok) {
    napi_delete_reference(ring->env, ring->wake);
    napi_async_destroy(ring->env, ring->context);
    napi_close_handle_scope(ring->env, scope);
  }
  // Last: the hook keeps the environment, and the end of the environment may finalize buffers and functions.
  napi_remove_async_cleanup_hook(ring->hook);
  ring_unref(ring);
}

static void ring_shut(struct ring *ring) {
  if (ring->closed) return;
  ring->closed = true;
  ring_drain(ring);
  uv_close((uv_handle_t *)&ring->poll, on_poll_closed);
  close(ring->event_fd); // allowed from uv_close on
  close(ring->fd);
}

// A worker ends or is terminated, or the main thread has nothing left to do. Runs on the ring's own thread, before
// buffers are freed. process.exit() does not come here: there the memory goes with the whole process, and the kernel
// waits for what it has in flight.
static void on_env_exit(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct ring *ring = data;
  if (ring->closed) return; // on_poll_closed is still to come, and removes the hook
  if (ring->submitted != atomic_load_explicit(ring->cq_tail, memory_order_acquire)) ring_cancel_all(ring);
  ring_shut(ring);
}

// ---- Wake-up -------------------------------------------------------------------------------------------------------

static void call_wake(struct ring *ring) {
  napi_env env = ring->env;
  napi_value wake, global;
  if (napi_get_reference_value(env, ring->wake, &wake) != napi_ok) return;
  if (napi_get_global(env, &global) != napi_ok) return;
  // Not napi_call_function: this one runs process.nextTick and the microtasks afterwards, as for any event.
  if (napi_make_callback(env, ring->context, global, wake, 0, NULL, NULL) != napi_pending_exception) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct ring *ring = poll->data;
  uint64_t count;
  // Before the queue is looked at: what completes after this read signals again. EAGAIN: drained already.
  ssize_t got = read(ring->event_fd, &count, sizeof count);
  (void)got;
  napi_handle_scope scope;
  if (napi_open_handle_scope(ring->env, &scope) != napi_ok) return;
  call_wake(ring);
  napi_close_handle_scope(ring->env, scope);
}

// ---- Functions of the ring object ----------------------------------------------------------------------------------

static napi_value js_enter(napi_env env, napi_callback_info info) {
  napi_value argv[3], result = NULL;
  void *data;
  uint32_t to_submit, min_complete, flags;
  if (!diorite_args_data(env, info, 3, argv, &data) || !diorite_get_u32(env, argv[0], "toSubmit", &to_submit) ||
      !diorite_get_u32(env, argv[1], "minComplete", &min_complete) || !diorite_get_u32(env, argv[2], "flags", &flags))
    return NULL;
  struct ring *ring = data;
  int taken = -EBADF;
  if (!ring->closed) {
    taken = sys_enter(ring->fd, to_submit, min_complete, flags);
    if (taken < 0) taken = -errno;
    else ring->submitted += (uint32_t)taken;
  }
  napi_create_int32(env, taken, &result);
  return result;
}

static napi_value js_hold(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  void *data;
  bool held;
  if (!diorite_args_data(env, info, 1, argv, &data) || !diorite_get_bool(env, argv[0], "held", &held)) return NULL;
  struct ring *ring = data;
  if (ring->closed) return NULL;
  if (held) uv_ref((uv_handle_t *)&ring->poll);
  else uv_unref((uv_handle_t *)&ring->poll);
  return NULL;
}

// Takes back the request of this user_data and waits until the kernel is done with it: it touches no memory after that,
// and its completion comes as any other does. A request that waits for a socket gives up at once.
static napi_value js_cancel(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  void *data;
  uint32_t low, high;
  if (!diorite_args_data(env, info, 2, argv, &data) || !diorite_get_u32(env, argv[0], "low", &low) ||
      !diorite_get_u32(env, argv[1], "high", &high))
    return NULL;
  struct ring *ring = data;
  if (ring->closed) return diorite_number(env, -EBADF);
  struct sync_cancel cancel;
  memset(&cancel, 0, sizeof cancel);
  cancel.addr = (uint64_t)high << 32 | low;
  cancel.fd = -1;
  cancel.timeout.seconds = -1; // both -1: for as long as it takes
  cancel.timeout.nanoseconds = -1;
  int result;
  do result = sys_register(ring->fd, REGISTER_SYNC_CANCEL, &cancel, 1) < 0 ? -errno : 0;
  while (result == -EINTR);
  return diorite_number(env, result);
}

static napi_value js_probe(napi_env env, napi_callback_info info) {
  void *data;
  if (!diorite_args_data(env, info, 0, NULL, &data)) return NULL;
  struct ring *ring = data;
  size_t bytes = sizeof(struct io_uring_probe) + PROBE_OPS * sizeof(struct io_uring_probe_op);
  struct io_uring_probe *probe = calloc(1, bytes);
  uint32_t count = 0;
  if (!ring->closed && probe != NULL &&
      sys_register(ring->fd, IORING_REGISTER_PROBE, probe, PROBE_OPS) >= 0)
    count = probe->last_op + 1u; // without IORING_REGISTER_PROBE (before Linux 5.6): nothing is known, nothing is said
  void *bits = NULL;
  napi_value buffer, result = NULL;
  if (napi_create_arraybuffer(env, count, &bits, &buffer) == napi_ok) {
    for (uint32_t i = 0; i < count; i++) ((uint8_t *)bits)[i] = probe->ops[i].flags & IO_URING_OP_SUPPORTED;
    napi_create_typedarray(env, napi_uint8_array, count, buffer, 0, &result);
  }
  free(probe);
  return result;
}

// An empty table of registered buffers. Its entries go with the ring.
static napi_value js_buffers(napi_env env, napi_callback_info info) {
  napi_value argv[1], result = NULL;
  void *data;
  uint32_t count;
  if (!diorite_args_data(env, info, 1, argv, &data) || !diorite_get_u32(env, argv[0], "count", &count)) return NULL;
  struct ring *ring = data;
  struct rsrc_register table;
  memset(&table, 0, sizeof table);
  table.nr = count;
  table.flags = REGISTER_SPARSE;
  int done = ring->closed ? -EBADF : sys_register(ring->fd, REGISTER_BUFFERS2, &table, sizeof table);
  if (!ring->closed && done < 0) done = -errno;
  napi_create_int32(env, done, &result);
  return result;
}

// The kernel pins the pages now, and lets go of those that were there when nothing in flight uses them any more. Null:
// empty again. What was pinned stays what it was though the memory were mapped anew: only for memory that never is.
static napi_value js_set_buffer(napi_env env, napi_callback_info info) {
  napi_value argv[2], result = NULL;
  void *data, *memory = NULL;
  size_t bytes = 0;
  uint32_t index;
  if (!diorite_args_data(env, info, 2, argv, &data) || !diorite_get_u32(env, argv[0], "index", &index)) return NULL;
  napi_valuetype type;
  if (napi_typeof(env, argv[1], &type) != napi_ok) return NULL;
  if (type != napi_null && napi_get_arraybuffer_info(env, argv[1], &memory, &bytes) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "The \"buffer\" argument must be an ArrayBuffer or null");
    return NULL;
  }
  struct ring *ring = data;
  struct iovec vector = {.iov_base = memory, .iov_len = bytes};
  struct rsrc_update2 update;
  memset(&update, 0, sizeof update);
  update.offset = index;
  update.data = (uint64_t)(uintptr_t)&vector;
  update.nr = 1;
  int done = ring->closed ? -EBADF : sys_register(ring->fd, REGISTER_BUFFERS_UPDATE, &update, sizeof update);
  if (!ring->closed && done < 0) done = -errno;
  napi_create_int32(env, done, &result);
  return result;
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  void *data;
  if (diorite_args_data(env, info, 0, NULL, &data)) ring_shut(data);
  return NULL;
}

// ---- Creation ------------------------------------------------------------------------------------------------------

// Both mappings. 0, or an errno with what failed in `call`.
static int ring_map(struct ring *ring, const struct io_uring_params *params, const char **call) {
  *call = "mmap";
  if (!(params->features & IORING_FEAT_SINGLE_MMAP)) return ENOSYS; // before Linux 5.4
  size_t sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
  size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
  ring->queues_bytes = sq > cq ? sq : cq;
  ring->sqes_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
  int protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
  void *queues = mmap(NULL, ring->queues_bytes, protection, flags, ring->fd, IORING_OFF_SQ_RING);
  if (queues == MAP_FAILED) return errno;
  ring->queues = queues;
  void *sqes = mmap(NULL, ring->sqes_bytes, protection, flags, ring->fd, IORING_OFF_SQES);
  if (sqes == MAP_FAILED) return errno;
  ring->sqes = sqes;
  // A forked child has no use for them; failing changes nothing.
  (void)madvise(queues, ring->queues_bytes, MADV_DONTFORK);
  (void)madvise(sqes, ring->sqes_bytes, MADV_DONTFORK);
  ring->cq_head = (_Atomic uint32_t *)((char *)queues + params->cq_off.head);
  ring->cq_tail = (_Atomic uint32_t *)((char *)queues + params->cq_off.tail);
  return 0;
}

// Everything of the kernel's. 0, or an errno; the caller drops the ring then. io_uring descriptors are always CLOEXEC.
static int ring_open(struct ring *ring, uint32_t entries, struct io_uring_params *params, const char **call) {
  *call = "io_uring_setup";
  ring->fd = sys_setup(entries, params);
  if (ring->fd < 0) return errno;
  int error = ring_map(ring, params, call);
  if (error != 0) return error;
  // The ring's own descriptor can be polled too, but deferred work (DEFER_TASKRUN) wakes nobody who does.
  *call = "eventfd";
  ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ring->event_fd < 0) return errno;
  *call = "io_uring_register";
  return sys_register(ring->fd, IORING_REGISTER_EVENTFD, &ring->event_fd, 1) < 0 ? errno : 0;
}

static void ring_abandon(struct ring *ring) {
  if (ring->event_fd >= 0) close(ring->event_fd);
  if (ring->fd >= 0) close(ring->fd);
  ring->closed = true;
  ring_unref(ring);
}

static bool set_words(napi_env env, napi_value object, const char *name, const void *words, size_t bytes) {
  napi_value buffer, value;
  void *data;
  if (napi_create_arraybuffer(env, bytes, &data, &buffer) != napi_ok) return false;
  memcpy(data, words, bytes);
  return napi_create_typedarray(env, napi_uint32_array, bytes / sizeof(uint32_t), buffer, 0, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

static bool set_function(napi_env env, napi_value object, const char *name, napi_callback call, struct ring *ring) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, ring, &function) != napi_ok) return false;
  if (napi_add_finalizer(env, function, ring, finalize_function, NULL, NULL) != napi_ok) return false;
  atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
  return napi_set_named_property(env, object, name, function) == napi_ok;
}

static bool external_buffer(napi_env env, struct ring *ring, void *data, size_t bytes, napi_value *buffer) {
  if (napi_create_external_arraybuffer(env, data, bytes, finalize_buffer, ring, buffer) != napi_ok) return false;
  atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
  return true;
}

// The object that JavaScript gets; false where a buffer on foreign memory is not allowed (Electron), among others.
static bool ring_describe(napi_env env, struct ring *ring, const struct io_uring_params *params, napi_value *object) {
  napi_value queues, sqes;
  return napi_create_object(env, object) == napi_ok &&
         external_buffer(env, ring, ring->queues, ring->queues_bytes, &queues) &&
         external_buffer(env, ring, ring->sqes, ring->sqes_bytes, &sqes) &&
         napi_set_named_property(env, *object, "sqRing", queues) == napi_ok &&
         napi_set_named_property(env, *object, "cqRing", queues) == napi_ok &&
         napi_set_named_property(env, *object, "sqes", sqes) == napi_ok &&
         set_words(env, *object, "sqOffsets", &params->sq_off, sizeof params->sq_off) &&
         set_words(env, *object, "cqOffsets", &params->cq_off, sizeof params->cq_off) &&
         diorite_set_number(env, *object, "fd", ring->fd) == napi_ok &&
         diorite_set_number(env, *object, "features", params->features) == napi_ok &&
         diorite_set_number(env, *object, "sqEntries", params->sq_entries) == napi_ok &&
         diorite_set_number(env, *object, "cqEntries", params->cq_entries) == napi_ok &&
         set_function(env, *object, "enter", js_enter, ring) && set_function(env, *object, "hold", js_hold, ring) &&
         set_function(env, *object, "cancel", js_cancel, ring) &&
         set_function(env, *object, "buffers", js_buffers, ring) &&
         set_function(env, *object, "setBuffer", js_set_buffer, ring) &&
         set_function(env, *object, "probe", js_probe, ring) && set_function(env, *object, "close", js_close, ring);
}

// From here on the ring closes itself when the environment ends.
static bool ring_listen(napi_env env, struct ring *ring, napi_value wake) {
  uv_loop_t *loop;
  napi_value name;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
  if (napi_create_string_utf8(env, "diorite:ring", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_reference(env, wake, 1, &ring->wake) != napi_ok) return false;
  if (napi_async_init(env, NULL, name, &ring->context) != napi_ok) goto no_context;
  if (napi_add_async_cleanup_hook(env, on_env_exit, ring, &ring->hook) != napi_ok) goto no_hook;
  if (uv_poll_init(loop, &ring->poll, ring->event_fd) != 0) goto no_poll;
  ring->poll.data = ring;
  uv_poll_start(&ring->poll, UV_READABLE, on_event); // fails only for a handle that is being closed
  uv_unref((uv_handle_t *)&ring->poll);
  return true;
no_poll:
  napi_remove_async_cleanup_hook(ring->hook);
no_hook:
  napi_async_destroy(env, ring->context);
no_context:
  napi_delete_reference(env, ring->wake);
  return false;
}

static napi_value js_ring_create(napi_env env, napi_callback_info info) {
  napi_value argv[4], object;
  uint32_t entries, completion_entries, flags;
  if (!diorite_args(env, info, 4, argv) || !diorite_get_u32(env, argv[0], "entries", &entries) ||
      !diorite_get_u32(env, argv[1], "completionEntries", &completion_entries) ||
      !diorite_get_u32(env, argv[2], "flags", &flags))
    return NULL;
  struct ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL) {
    diorite_throw_errno(env, ENOMEM, "calloc");
    return NULL;
  }
  ring->env = env;
  ring->fd = ring->event_fd = -1;
  atomic_init(&ring->refs, 1);
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  params.flags = flags;
  params.cq_entries = completion_entries; // read by the kernel with IORING_SETUP_CQSIZE only
  const char *call = "io_uring_setup";
  int error = ring_open(ring, entries, &params, &call);
  bool described = error == 0 && ring_describe(env, ring, &params, &object);
  if (described && ring_listen(env, ring, argv[3])) return object;
  ring_abandon(ring);
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (error != 0) diorite_throw_errno(env, error, call);
  else if (!pending) diorite_throw_errno(env, ENOTSUP, described ? "uv_poll_init" : "napi_create_external_arraybuffer");
  return NULL;
}

napi_status diorite_ring_init(napi_env env, napi_value exports) {
  return diorite_set_function(env, exports, "ringCreate", js_ring_create, NULL);
}
