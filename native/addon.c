// The addon's entry point and what its parts share. Everything is per environment: it may be loaded by any worker.
#include "addon.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *error_name(int error) {
  switch (error) {
  case EPERM: return "EPERM";
  case ENOENT: return "ENOENT";
  case EINTR: return "EINTR";
  case EIO: return "EIO";
  case ENXIO: return "ENXIO";
  case EBADF: return "EBADF";
  case EAGAIN: return "EAGAIN";
  case ENOMEM: return "ENOMEM";
  case EACCES: return "EACCES";
  case EFAULT: return "EFAULT";
  case EBUSY: return "EBUSY";
  case EEXIST: return "EEXIST";
  case ENODEV: return "ENODEV";
  case EINVAL: return "EINVAL";
  case ENFILE: return "ENFILE";
  case EMFILE: return "EMFILE";
  case ENOTTY: return "ENOTTY";
  case ENOSPC: return "ENOSPC";
  case ENOSYS: return "ENOSYS";
  case EOVERFLOW: return "EOVERFLOW";
  case EOPNOTSUPP: return "EOPNOTSUPP";
  case EAFNOSUPPORT: return "EAFNOSUPPORT";
  case EADDRINUSE: return "EADDRINUSE";
  case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
  case ENOBUFS: return "ENOBUFS";
  default: return NULL;
  }
}

void diorite_throw_code(napi_env env, const char *code, const char *message) {
  napi_throw_error(env, code, message);
}

void diorite_throw_last(napi_env env) {
  // Fetched first: every other call, the question for a pending exception too, overwrites it.
  const napi_extended_error_info *info = NULL;
  const char *message = NULL;
  if (napi_get_last_error_info(env, &info) == napi_ok) message = info->error_message;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  napi_throw_error(env, "ERR_DIORITE_NATIVE", message != NULL ? message : "a call of Node-API failed");
}

void diorite_throw_errno(napi_env env, int error, const char *syscall) {
  char number[16];
  const char *code = error_name(error);
  if (code == NULL) {
    snprintf(number, sizeof number, "E%d", error);
    code = number;
  }
  char message[160];
  snprintf(message, sizeof message, "%s: %s, %s", code, strerror(error), syscall);

  napi_value text, code_value, syscall_value, exception;
  if (napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &syscall_value) != napi_ok ||
      napi_create_error(env, code_value, text, &exception) != napi_ok ||
      napi_set_named_property(env, exception, "syscall", syscall_value) != napi_ok ||
      diorite_set_number(env, exception, "errno", -error) != napi_ok) {
    diorite_throw_last(env);
    return;
  }
  napi_throw(env, exception);
}

static void throw_argument(napi_env env, const char *name, const char *expected) {
  char message[160];
  snprintf(message, sizeof message, "diorite addon: \"%s\" must be %s", name, expected);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
}

bool diorite_args_data(napi_env env, napi_callback_info info, size_t count, napi_value *argv, void **data) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, argv, NULL, data) == napi_ok) return true;
  diorite_throw_last(env);
  return false;
}

bool diorite_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  return diorite_args_data(env, info, count, argv, NULL);
}

// An integer that a double holds exactly: no other number can be an offset, a length or a count.
static bool get_integer(napi_env env, napi_value value, const char *name, double min, double max, double *out) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= min && number <= max &&
      trunc(number) == number) {
    *out = number;
    return true;
  }
  throw_argument(env, name, "an integer in range");
  return false;
}

bool diorite_get_i32(napi_env env, napi_value value, const char *name, int32_t *out) {
  double number;
  if (!get_integer(env, value, name, INT32_MIN, INT32_MAX, &number)) return false;
  *out = (int32_t)number;
  return true;
}

bool diorite_get_u32(napi_env env, napi_value value, const char *name, uint32_t *out) {
  double number;
  if (!get_integer(env, value, name, 0, UINT32_MAX, &number)) return false;
  *out = (uint32_t)number;
  return true;
}

bool diorite_get_i64(napi_env env, napi_value value, const char *name, int64_t *out) {
  double number;
  if (!get_integer(env, value, name, -9007199254740991.0, 9007199254740991.0, &number)) return false;
  *out = (int64_t)number;
  return true;
}

bool diorite_get_bool(napi_env env, napi_value value, const char *name, bool *out) {
  if (napi_get_value_bool(env, value, out) == napi_ok) return true;
  throw_argument(env, name, "a boolean");
  return false;
}

bool diorite_get_array(napi_env env, napi_value value, const char *name, napi_typedarray_type type, void **data,
                       size_t *length) {
  napi_typedarray_type actual;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &actual, length, data, NULL, NULL) == napi_ok && actual == type) {
    return true;
  }
  throw_argument(env, name, "a typed array of the right type");
  return false;
}

napi_value diorite_number(napi_env env, double value) {
  napi_value result;
  DIORITE_TRY(env, napi_create_double(env, value, &result));
  return result;
}

napi_value diorite_undefined(napi_env env) {
  napi_value result;
  DIORITE_TRY(env, napi_get_undefined(env, &result));
  return result;
}

napi_status diorite_set_function(napi_env env, napi_value object, const char *name, napi_callback function,
                                 void *data) {
  napi_value value;
  napi_status status = napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value);
  return status == napi_ok ? napi_set_named_property(env, object, name, value) : status;
}

napi_status diorite_set_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  napi_status status = napi_create_double(env, value, &number);
  return status == napi_ok ? napi_set_named_property(env, object, name, number) : status;
}

struct diorite_env *diorite_env_of(napi_env env) {
  void *state = NULL;
  return napi_get_instance_data(env, &state) == napi_ok ? state : NULL;
}

static void env_free(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct diorite_env *state = data;
  diorite_jobs_free(state);
  diorite_sockets_free(state);
  free(state);
}

NAPI_MODULE_INIT() {
  struct diorite_env *state = calloc(1, sizeof *state);
  if (state == NULL) {
    diorite_throw_errno(env, ENOMEM, "calloc");
    return NULL;
  }
  if (napi_set_instance_data(env, state, env_free, NULL) != napi_ok) {
    free(state);
    diorite_throw_last(env);
    return NULL;
  }
  DIORITE_TRY(env, diorite_memory_init(env, exports));
  DIORITE_TRY(env, diorite_jobs_init(env, exports));
  DIORITE_TRY(env, diorite_files_init(env, exports));
  DIORITE_TRY(env, diorite_ring_init(env, exports));
  DIORITE_TRY(env, diorite_pipes_init(env, exports));
  DIORITE_TRY(env, diorite_processes_init(env, exports));
  DIORITE_TRY(env, diorite_crc32c_init(env, exports));
  DIORITE_TRY(env, diorite_sockets_init(env, exports));
  DIORITE_TRY(env, diorite_librados_init(env, exports));
  return exports;
}
