// What the parts of the addon share: fetching arguments, throwing errors, state per environment (isolate).
#ifndef DIORITE_ADDON_H
#define DIORITE_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Addresses go in as two 32-bit words, and preadv2's position is one register.
_Static_assert(sizeof(void *) == 8, "diorite's addon needs a 64-bit machine");

struct diorite_job;

// State of one environment: the main thread and each worker has its own, so nothing here is locked.
struct diorite_env {
  struct diorite_job *idle_jobs;
  unsigned idle_job_count;
  int *sockets; // open ones: whoever has them may be ended without a chance to close them
  unsigned socket_count;
  unsigned socket_room;
};

// Inside a function that JavaScript called: a failed Node-API call becomes an exception, and the function returns.
#define DIORITE_TRY(env, call)                                                                                         \
  do {                                                                                                                 \
    if ((call) != napi_ok) {                                                                                           \
      diorite_throw_last(env);                                                                                         \
      return NULL;                                                                                                     \
    }                                                                                                                  \
  } while (0)

// Throws what Node-API says went wrong, unless an exception is pending already.
void diorite_throw_last(napi_env env);
// Throws an Error with `code`.
void diorite_throw_code(napi_env env, const char *code, const char *message);
// Throws an Error with `code` (EPERM …), `errno` (negative, as Node has it) and `syscall`. `error` is positive.
void diorite_throw_errno(napi_env env, int error, const char *syscall);

// Fetches exactly `count` arguments; those not given are undefined. False: an exception is pending.
bool diorite_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv);
// The same for a function made with data, as the methods of an object are.
bool diorite_args_data(napi_env env, napi_callback_info info, size_t count, napi_value *argv, void **data);
// Numbers. False: not a number, or not in range; an exception that names `name` is pending.
bool diorite_get_i32(napi_env env, napi_value value, const char *name, int32_t *out);
bool diorite_get_u32(napi_env env, napi_value value, const char *name, uint32_t *out);
bool diorite_get_i64(napi_env env, napi_value value, const char *name, int64_t *out);
bool diorite_get_bool(napi_env env, napi_value value, const char *name, bool *out);
// The memory of a typed array of this type, and how many elements it has.
bool diorite_get_array(napi_env env, napi_value value, const char *name, napi_typedarray_type type, void **data,
                       size_t *length);

// A number result, or NULL with an exception pending.
napi_value diorite_number(napi_env env, double value);
napi_value diorite_undefined(napi_env env);

// Sets a property of an object to a function, number or any value.
napi_status diorite_set_function(napi_env env, napi_value object, const char *name, napi_callback function, void *data);
napi_status diorite_set_number(napi_env env, napi_value object, const char *name, double value);

// This environment's state.
struct diorite_env *diorite_env_of(napi_env env);

// Each part adds its functions to the exports.
napi_status diorite_memory_init(napi_env env, napi_value exports);
napi_status diorite_jobs_init(napi_env env, napi_value exports);
napi_status diorite_files_init(napi_env env, napi_value exports);
napi_status diorite_ring_init(napi_env env, napi_value exports);
napi_status diorite_pipes_init(napi_env env, napi_value exports);
napi_status diorite_processes_init(napi_env env, napi_value exports);
// Adds nothing where the CPU has no instruction for it.
napi_status diorite_crc32c_init(napi_env env, napi_value exports);
napi_status diorite_sockets_init(napi_env env, napi_value exports);
napi_status diorite_librados_init(napi_env env, napi_value exports);

// Frees the job structures that wait for reuse. None is outstanding when the environment goes.
void diorite_jobs_free(struct diorite_env *state);
// Closes the sockets that are open still. The ring is closed by then.
void diorite_sockets_free(struct diorite_env *state);

#endif
