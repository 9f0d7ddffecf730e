// Pipes: making one, its size, how much it holds, and waiting until a descriptor is ready without O_NONBLOCK.
//
// libuv sets O_NONBLOCK on what it polls, and that flag belongs to the open file description: to every process that
// shares it, the shell that passed us its terminal too. So each waiter has an epoll instance of its own, which knows the
// descriptor and changes nothing about it, and libuv polls the instance:
//
//      descriptor ──▶ epoll (one-shot, level) ──▶ uv_poll on the epoll descriptor ──▶ callback(events)
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

// ---- Calls that return at once -------------------------------------------------------------------------------------

static napi_value result_of(napi_env env, int result) {
  return diorite_number(env, result < 0 ? -errno : result);
}

// pipeCreate(out): 0 or -errno; out[0] is read from, out[1] is written to
static napi_value pipe_create(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  void *out;
  size_t length;
  if (!diorite_args(env, info, 1, argv)) return NULL;
  if (!diorite_get_array(env, argv[0], "out", napi_int32_array, &out, &length)) return NULL;
  if (length < 2) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "diorite addon: out is too short");
    return NULL;
  }
  return result_of(env, pipe2(out, O_CLOEXEC));
}

// pipeSize(fd, bytes): how many bytes it takes, after asking for `bytes` (0: only ask); or -errno
static napi_value pipe_size(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int32_t fd, bytes;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  if (!diorite_get_i32(env, argv[1], "bytes", &bytes)) return NULL;
  return result_of(env, bytes == 0 ? fcntl(fd, F_GETPIPE_SZ) : fcntl(fd, F_SETPIPE_SZ, bytes));
}

// bytesWaiting(fd): FIONREAD, or -errno
static napi_value bytes_waiting(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t fd;
  int bytes = 0;
  if (!diorite_args(env, info, 1, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  return result_of(env, ioctl(fd, FIONREAD, &bytes) < 0 ? -1 : bytes);
}

// pollNow(fd, events): which of them (and POLLERR, POLLHUP) are, or -errno
static napi_value poll_now(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int32_t fd, events;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  if (!diorite_get_i32(env, argv[1], "events", &events)) return NULL;
  struct pollfd one = {.fd = fd, .events = (short)events};
  int ready = poll(&one, 1, 0);
  if (ready > 0 && (one.revents & POLLNVAL) != 0) return diorite_number(env, -EBADF);
  return result_of(env, ready < 0 ? ready : one.revents);
}

// ---- Waiters -------------------------------------------------------------------------------------------------------

struct waiter {
  napi_env env;
  uv_poll_t poll;
  int epoll_fd;
  int fd;
  bool closed;
  int refs; // the open waiter, and each function; all on one thread
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
};

static void waiter_unref(struct waiter *waiter) {
  if (--waiter->refs == 0) free(waiter);
}

static void finalize_function(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  waiter_unref(data);
}

static void on_poll_closed(uv_handle_t *handle) {
  struct waiter *waiter = handle->data;
  napi_handle_scope scope;
  if (napi_open_handle_scope(waiter->env, &scope) == napi_ok) {
    napi_delete_reference(waiter->env, waiter->callback);
    napi_async_destroy(waiter->env, waiter->context);
    napi_close_handle_scope(waiter->env, scope);
  }
  napi_remove_async_cleanup_hook(waiter->hook);
  waiter_unref(waiter);
}

static void waiter_shut(struct waiter *waiter) {
  if (waiter->closed) return;
  waiter->closed = true;
  uv_close((uv_handle_t *)&waiter->poll, on_poll_closed);
  close(waiter->epoll_fd); // allowed from uv_close on
}

static void on_env_exit(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  waiter_shut(data); // closed already: on_poll_closed is still to come, and removes the hook
}

static void call_back(struct waiter *waiter, uint32_t events) {
  napi_env env = waiter->env;
  napi_value callback, global, number;
  if (napi_get_reference_value(env, waiter->callback, &callback) != napi_ok) return;
  if (napi_get_global(env, &global) != napi_ok || napi_create_uint32(env, events, &number) != napi_ok) return;
  // Runs process.nextTick and the microtasks afterwards, as for any event.
  if (napi_make_callback(env, waiter->context, global, callback, 1, &number, NULL) != napi_pending_exception) return;
  napi_value error;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct waiter *waiter = poll->data;
  struct epoll_event event;
  if (epoll_wait(waiter->epoll_fd, &event, 1, 0) != 1) return; // disarmed between the wake-up and now
  uv_unref((uv_handle_t *)poll);
  napi_handle_scope scope;
  if (napi_open_handle_scope(waiter->env, &scope) != napi_ok) return;
  call_back(waiter, event.events);
  napi_close_handle_scope(waiter->env, scope);
}

// arm(events): 0, or -errno (EPERM: a kind of file that is always ready). 0 events: disarms.
static napi_value waiter_arm(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  void *data;
  uint32_t events;
  if (!diorite_args_data(env, info, 1, argv, &data) || !diorite_get_u32(env, argv[0], "events", &events)) return NULL;
  struct waiter *waiter = data;
  if (waiter->closed) return diorite_number(env, -EBADF);
  struct epoll_event event = {.events = events | EPOLLONESHOT};
  if (events == 0) {
    // Not EPOLL_CTL_MOD: errors and hang-ups are reported whatever is asked for.
    (void)epoll_ctl(waiter->epoll_fd, EPOLL_CTL_DEL, waiter->fd, &event);
    uv_unref((uv_handle_t *)&waiter->poll);
    return diorite_number(env, 0);
  }
  int result = epoll_ctl(waiter->epoll_fd, EPOLL_CTL_MOD, waiter->fd, &event);
  if (result < 0 && errno == ENOENT) result = epoll_ctl(waiter->epoll_fd, EPOLL_CTL_ADD, waiter->fd, &event);
  if (result < 0) return diorite_number(env, -errno);
  uv_ref((uv_handle_t *)&waiter->poll);
  return diorite_number(env, 0);
}

static napi_value waiter_close(napi_env env, napi_callback_info info) {
  void *data;
  if (diorite_args_data(env, info, 0, NULL, &data)) waiter_shut(data);
  return NULL;
}

static bool set_function(napi_env env, napi_value object, const char *name, napi_callback call,
                         struct waiter *waiter) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, waiter, &function) != napi_ok) return false;
  if (napi_add_finalizer(env, function, waiter, finalize_function, NULL, NULL) != napi_ok) return false;
  waiter->refs++;
  return napi_set_named_property(env, object, name, function) == napi_ok;
}

// From here on the waiter closes itself when the environment ends.
static bool waiter_listen(napi_env env, struct waiter *waiter, napi_value callback) {
  uv_loop_t *loop;
  napi_value name;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
  if (napi_create_string_utf8(env, "diorite:waiter", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_reference(env, callback, 1, &waiter->callback) != napi_ok) return false;
  if (napi_async_init(env, NULL, name, &waiter->context) != napi_ok) goto no_context;
  if (napi_add_async_cleanup_hook(env, on_env_exit, waiter, &waiter->hook) != napi_ok) goto no_hook;
  if (uv_poll_init(loop, &waiter->poll, waiter->epoll_fd) != 0) goto no_poll;
  waiter->poll.data = waiter;
  uv_poll_start(&waiter->poll, UV_READABLE, on_event); // fails only for a handle that is being closed
  uv_unref((uv_handle_t *)&waiter->poll);
  return true;
no_poll:
  napi_remove_async_cleanup_hook(waiter->hook);
no_hook:
  napi_async_destroy(env, waiter->context);
no_context:
  napi_delete_reference(env, waiter->callback);
  return false;
}

// waiterCreate(fd, callback): { arm, close }
static napi_value waiter_create(napi_env env, napi_callback_info info) {
  napi_value argv[2], object;
  int32_t fd;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct waiter *waiter = epoll_fd < 0 ? NULL : calloc(1, sizeof *waiter);
  if (waiter == NULL) {
    diorite_throw_errno(env, errno, epoll_fd < 0 ? "epoll_create1" : "calloc");
    if (epoll_fd >= 0) close(epoll_fd);
    return NULL;
  }
  waiter->env = env;
  waiter->fd = fd;
  waiter->epoll_fd = epoll_fd;
  waiter->refs = 1;
  bool made = napi_create_object(env, &object) == napi_ok && set_function(env, object, "arm", waiter_arm, waiter) &&
              set_function(env, object, "close", waiter_close, waiter) && waiter_listen(env, waiter, argv[1]);
  if (made) return object;
  waiter->closed = true;
  close(epoll_fd);
  waiter_unref(waiter);
  diorite_throw_last(env);
  return NULL;
}

napi_status diorite_pipes_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "pipeCreate", pipe_create, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "pipeSize", pipe_size, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "bytesWaiting", bytes_waiting, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "pollNow", poll_now, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "waiterCreate", waiter_create, NULL);
  return status;
}
