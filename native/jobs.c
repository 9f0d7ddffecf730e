// File operations on the thread pool. One struct per operation; Node waits for all of them before an environment ends,
// so neither a job nor what it holds is released while a thread may still be in its system call.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  INLINE_IOVECS = 16,  // most requests: a few runs of memory
  MAX_IOVECS = 1024,   // IOV_MAX
  MAX_IDLE_JOBS = 256, // kept for reuse, 80 KiB at most
  PUMP_WAIT_MS = 2,    // for a stream that pauses: longer pauses are waited for without a thread
  PUMP_MISSES_MAX = 8,
};

// The table Op of src/targets/file/engines/engine.ts.
enum op {
  OP_READ = 0,
  OP_WRITE = 1,
  OP_FSYNC = 2,
  OP_FDATASYNC = 3,
  OP_WRITE_BACK = 4,
  OP_DROP_CACHE = 5,
  OP_FALLOCATE = 6,
  OP_SEEK_DATA = 7,
  OP_SEEK_HOLE = 8,
  OP_BLOCK_ZERO = 9,
  OP_CLONE = 10,
  OP_SPLICE = 11,
  OP_SPLICE_FROM = 12,
  OP_TEE = 13,
  OP_VMSPLICE = 14,
  OP_PUMP = 15,
  OP_SEEK = 16,
};

struct diorite_job {
  struct diorite_env *state;
  struct diorite_job *next_idle;
  napi_async_work work;
  napi_ref hold; // NULL: nothing to keep
  napi_ref complete;
  int64_t offset;
  int64_t length;
  int64_t result;
  int32_t op;
  int32_t fd;
  int32_t flags;
  int32_t from; // SPLICE, SPLICE_FROM, TEE, PUMP: where bytes come from
  uint32_t iov_count;
  struct iovec *iov; // inline_iov, or from malloc
  struct iovec inline_iov[INLINE_IOVECS];
};

static struct diorite_job *job_take(struct diorite_env *state) {
  struct diorite_job *job = state->idle_jobs;
  if (job != NULL) {
    state->idle_jobs = job->next_idle;
    state->idle_job_count--;
  } else {
    job = malloc(sizeof *job);
    if (job == NULL) return NULL;
  }
  job->state = state;
  job->next_idle = NULL;
  job->work = NULL;
  job->hold = NULL;
  job->complete = NULL;
  job->result = 0;
  job->iov = job->inline_iov;
  job->iov_count = 0;
  return job;
}

// Lets go of everything that the job holds in JavaScript, and keeps the struct for the next one.
static void job_put(napi_env env, struct diorite_job *job) {
  if (job->hold != NULL) (void)napi_delete_reference(env, job->hold);
  if (job->complete != NULL) (void)napi_delete_reference(env, job->complete);
  if (job->work != NULL) (void)napi_delete_async_work(env, job->work);
  if (job->iov != job->inline_iov) free(job->iov);
  struct diorite_env *state = job->state;
  if (state->idle_job_count == MAX_IDLE_JOBS) {
    free(job);
    return;
  }
  job->next_idle = state->idle_jobs;
  state->idle_jobs = job;
  state->idle_job_count++;
}

void diorite_jobs_free(struct diorite_env *state) {
  while (state->idle_jobs != NULL) {
    struct diorite_job *job = state->idle_jobs;
    state->idle_jobs = job->next_idle;
    free(job);
  }
  state->idle_job_count = 0;
}

static int64_t block_zero(const struct diorite_job *job) {
  uint64_t range[2] = {(uint64_t)job->offset, (uint64_t)job->length};
  return ioctl(job->fd, BLKZEROOUT, range);
}

// posix_fadvise alone returns its error instead of setting errno.
static int64_t drop_cache(const struct diorite_job *job) {
  errno = posix_fadvise(job->fd, job->offset, job->length, POSIX_FADV_DONTNEED);
  return errno == 0 ? 0 : -1;
}

// A pipe has no offset, and the kernel refuses one: null stands for none.
static int64_t splice_bytes(const struct diorite_job *job) {
  loff_t offset = job->offset;
  loff_t *at = job->offset < 0 ? NULL : &offset;
  bool from = job->op == OP_SPLICE_FROM;
  return splice(job->from, from ? at : NULL, job->fd, from ? NULL : at, (size_t)job->length, (unsigned)job->flags);
}

static bool is_ready(int fd, short event, int timeout_ms) {
  struct pollfd one = {.fd = fd, .events = event};
  return poll(&one, 1, timeout_ms) > 0 && (one.revents & event) != 0;
}

// Moves what the stream gives to the cell until it is full of bytes. False: it pauses, ended, failed, or the cell's slots
// are full of less. The caller of the job meets the reason again.
static bool pump_fill(int from, int cell, size_t capacity, size_t *held) {
  for (int misses = 0; *held < capacity;) {
    ssize_t moved = splice(from, NULL, cell, NULL, capacity - *held, SPLICE_F_NONBLOCK);
    if (moved > 0) {
      *held += (size_t)moved;
      misses = 0;
      continue;
    }
    // Readers that share the stream may be quicker: that is not waited for without end.
    bool goes_on = moved < 0 && errno == EAGAIN && ++misses <= PUMP_MISSES_MAX && is_ready(cell, POLLOUT, 0);
    if (!goes_on || !is_ready(from, POLLIN, PUMP_WAIT_MS)) return false;
  }
  return true;
}

// A stream to a file through a cell: a pipe of `capacity` bytes that is empty, and full of whole pages whenever it holds
// so many and no slot is free (cell.ts), which is when they go to the file as they lie. The result has two words: bytes in the file (low), and bytes
// that are still in the cell (high).
static int64_t pump(const struct diorite_job *job) {
  if (job->iov_count != 1) {
    errno = EINVAL;
    return -1;
  }
  uintptr_t fds = (uintptr_t)job->iov[0].iov_base;
  int cell_read = (int)(fds & UINT32_MAX), cell_write = (int)(fds >> 32);
  size_t capacity = job->iov[0].iov_len, held = 0;
  int64_t moved = 0;
  while (capacity > 0 && moved + (int64_t)capacity <= job->length) {
    if (!pump_fill(job->from, cell_write, capacity, &held) || is_ready(cell_write, POLLOUT, 0)) break;
    while (held > 0) {
      loff_t at = job->offset + moved;
      ssize_t sent = splice(cell_read, NULL, job->fd, &at, held, 0);
      if (sent <= 0) return (int64_t)held << 32 | moved;
      held -= (size_t)sent;
      moved += sent;
    }
  }
  return (int64_t)held << 32 | moved;
}

static int64_t call_once(const struct diorite_job *job) {
  switch ((enum op)job->op) {
  case OP_READ:
    // Raw: glibc's wrappers exist since 2.26 only, and emulate flags that an old kernel does not know. The position is
    // one register on 64-bit machines, the second one is ignored. -1 is the descriptor's own position.
    return syscall(SYS_preadv2, job->fd, job->iov, (unsigned long)job->iov_count, job->offset, 0L, job->flags);
  case OP_WRITE:
    return syscall(SYS_pwritev2, job->fd, job->iov, (unsigned long)job->iov_count, job->offset, 0L, job->flags);
  case OP_FSYNC: return fsync(job->fd);
  case OP_FDATASYNC: return fdatasync(job->fd);
  case OP_WRITE_BACK:
    return sync_file_range(job->fd, job->offset, job->length,
                           SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  case OP_DROP_CACHE: return drop_cache(job);
  case OP_FALLOCATE: return fallocate(job->fd, job->flags, job->offset, job->length);
  // lseek moves the descriptor's own position. Nothing here depends on it: every read and write names its offset, and
  // `position: null` is counted in JavaScript. SEEK is for whoever shares the description, and goes on from there.
  case OP_SEEK_DATA: return lseek(job->fd, job->offset, SEEK_DATA);
  case OP_SEEK_HOLE: return lseek(job->fd, job->offset, SEEK_HOLE);
  case OP_SEEK: return lseek(job->fd, job->offset, SEEK_SET);
  case OP_BLOCK_ZERO: return block_zero(job);
  case OP_CLONE: return ioctl(job->fd, FICLONE, (unsigned long)job->flags);
  case OP_SPLICE:
  case OP_SPLICE_FROM: return splice_bytes(job);
  case OP_TEE: return tee(job->from, job->fd, (size_t)job->length, (unsigned)job->flags);
  case OP_PUMP: return pump(job);
  case OP_VMSPLICE: return vmsplice(job->fd, job->iov, job->iov_count, (unsigned)job->flags);
  }
  errno = ENOSYS;
  return -1;
}

// On a thread of the pool: nothing of Node-API here.
static void job_execute(napi_env env, void *data) {
  (void)env;
  struct diorite_job *job = data;
  do {
    job->result = call_once(job);
    if (job->result < 0) job->result = -errno;
  } while (job->result == -EINTR);
}

// On the environment's own thread, inside the callback scope of the work: ticks and microtasks run when it closes, and
// an exception that is pending when this returns becomes an uncaught exception. While a worker is being terminated the
// calls into JavaScript fail and the rest still runs.
static void job_complete(napi_env env, napi_status status, void *data) {
  struct diorite_job *job = data;
  int64_t result = status == napi_ok ? job->result : -ECANCELED;
  // Both are fetched before the references go: the handle scope keeps them until the callback has returned.
  napi_value hold = NULL, complete = NULL, number, receiver;
  if (job->hold != NULL) (void)napi_get_reference_value(env, job->hold, &hold);
  bool callable = napi_get_reference_value(env, job->complete, &complete) == napi_ok && complete != NULL;
  // Before the callback, which often submits the next job: it then finds this struct warm.
  job_put(env, job);
  if (callable && napi_create_double(env, (double)result, &number) == napi_ok &&
      napi_get_undefined(env, &receiver) == napi_ok) {
    (void)napi_call_function(env, receiver, complete, 1, &number, NULL);
  }
}

enum {
  ARG_OP,
  ARG_FD,
  ARG_OFFSET,
  ARG_LENGTH,
  ARG_FLAGS,
  ARG_IOV,
  ARG_IOV_AT,
  ARG_IOV_COUNT,
  ARG_HOLD,
  ARG_COMPLETE,
  ARG_FROM,
  ARG_COUNT,
};

static bool has_iov(const struct diorite_job *job) {
  return job->op == OP_READ || job->op == OP_WRITE || job->op == OP_VMSPLICE || job->op == OP_PUMP;
}

static bool has_from(const struct diorite_job *job) {
  return job->op == OP_SPLICE || job->op == OP_SPLICE_FROM || job->op == OP_TEE || job->op == OP_PUMP;
}

static bool too_long(napi_env env, const char *what) {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", what);
  return false;
}

// Copies entries of four 32-bit words: address low, high, length low, high.
static bool fetch_iov(napi_env env, struct diorite_job *job, napi_value *argv) {
  uint32_t at, count, *words;
  void *data;
  size_t word_count;
  if (!diorite_get_u32(env, argv[ARG_IOV_AT], "iovAt", &at)) return false;
  if (!diorite_get_u32(env, argv[ARG_IOV_COUNT], "iovCount", &count)) return false;
  if (!diorite_get_array(env, argv[ARG_IOV], "iov", napi_uint32_array, &data, &word_count)) return false;
  if (count > MAX_IOVECS) return too_long(env, "iovCount must be at most 1024");
  if ((uint64_t)at + (uint64_t)count * 4 > word_count) return too_long(env, "iov ends before iovAt + 4 * iovCount");

  if (count > INLINE_IOVECS) {
    struct iovec *iov = malloc(count * sizeof *iov);
    if (iov == NULL) {
      diorite_throw_errno(env, ENOMEM, "malloc");
      return false;
    }
    job->iov = iov;
  }
  words = (uint32_t *)data + at;
  for (uint32_t i = 0; i < count; i++, words += 4) {
    job->iov[i].iov_base = (void *)(uintptr_t)((uint64_t)words[1] << 32 | words[0]);
    job->iov[i].iov_len = (size_t)((uint64_t)words[3] << 32 | words[2]);
  }
  job->iov_count = count;
  return true;
}

static bool fetch_job(napi_env env, struct diorite_job *job, napi_value *argv) {
  if (!diorite_get_i32(env, argv[ARG_OP], "op", &job->op)) return false;
  if (!diorite_get_i32(env, argv[ARG_FD], "fd", &job->fd)) return false;
  if (!diorite_get_i64(env, argv[ARG_OFFSET], "offset", &job->offset)) return false;
  if (!diorite_get_i64(env, argv[ARG_LENGTH], "length", &job->length)) return false;
  if (!diorite_get_i32(env, argv[ARG_FLAGS], "flags", &job->flags)) return false;
  if (has_iov(job) && !fetch_iov(env, job, argv)) return false;
  if (has_from(job) && !diorite_get_i32(env, argv[ARG_FROM], "from", &job->from)) return false;

  napi_valuetype hold, complete;
  if (napi_typeof(env, argv[ARG_HOLD], &hold) != napi_ok) return false;
  if (napi_typeof(env, argv[ARG_COMPLETE], &complete) != napi_ok) return false;
  bool can_hold = hold == napi_object || hold == napi_function || hold == napi_external;
  if (complete != napi_function || (!can_hold && hold != napi_null)) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "diorite addon: hold must be an object or null, complete a function");
    return false;
  }
  if (can_hold && napi_create_reference(env, argv[ARG_HOLD], 1, &job->hold) != napi_ok) return false;
  return napi_create_reference(env, argv[ARG_COMPLETE], 1, &job->complete) == napi_ok;
}

static bool queue_job(napi_env env, struct diorite_job *job) {
  napi_value name;
  if (napi_create_string_latin1(env, "diorite", 7, &name) != napi_ok) return false;
  if (napi_create_async_work(env, NULL, name, job_execute, job_complete, job, &job->work) != napi_ok) return false;
  return napi_queue_async_work(env, job->work) == napi_ok;
}

// job(op, fd, offset, length, flags, iov, iovAt, iovCount, hold, complete, from): undefined
static napi_value job_start(napi_env env, napi_callback_info info) {
  napi_value argv[ARG_COUNT];
  struct diorite_env *state = diorite_env_of(env);
  if (state == NULL || !diorite_args(env, info, ARG_COUNT, argv)) return NULL;
  struct diorite_job *job = job_take(state);
  if (job == NULL) {
    diorite_throw_errno(env, ENOMEM, "malloc");
    return NULL;
  }
  if (!fetch_job(env, job, argv) || !queue_job(env, job)) {
    diorite_throw_last(env); // before job_put, whose calls succeed and would overwrite the reason
    job_put(env, job);
    return NULL;
  }
  return diorite_undefined(env);
}

napi_status diorite_jobs_init(napi_env env, napi_value exports) {
  return diorite_set_function(env, exports, "job", job_start, NULL);
}
