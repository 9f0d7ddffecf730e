// Requests through librados. They are made and submitted on the thread pool: librados copies what is written, and waits
// while too much is in flight, on the thread that calls it.
//
//   JavaScript ── radosOperate ──▶ thread pool: the operation is built and submitted ──▶ librados
//        ▲                                                                                  │ a thread of its own
//        └───────────── answers (a thread-safe function) ◀─────────────────────────────────┘
#include "addon.h"
#include "librados.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The table Kind of src/targets/rados/librados/native-steps.ts.
enum kind {
  KIND_READ = 0,
  KIND_STAT = 1,
  KIND_XATTRS = 2,
  KIND_ASSERT_VERSION = 3,
  KIND_WRITE = 4,
  KIND_WRITE_FULL = 5,
  KIND_APPEND = 6,
  KIND_ZERO = 7,
  KIND_TRUNCATE = 8,
  KIND_CREATE = 9,
  KIND_REMOVE = 10,
  KIND_SET_XATTR = 11,
  KIND_REMOVE_XATTR = 12,
  KIND_ASSERT_EXISTS = 13,
};

// Of a step: kind, offset (of an attribute: the address of its name), length, address.
enum { STEP_WORDS = 4, RESULT_WORDS = 3, CREATE_EXCLUSIVE = 1 };

struct pool {
  struct pool *next;
  int64_t id;
  rados_handle io;
  char space[];
};

struct client {
  const struct rados_functions *rados;
  rados_handle cluster;
  napi_threadsafe_function answers;
  pthread_mutex_t lock; // of what follows: threads of the pool make and end it
  struct pool *pools;
  bool connected;
  // Of the JavaScript thread alone.
  unsigned in_flight;
  bool open;
};

struct result {
  int code;
  size_t bytes;
  uint64_t size;
  time_t mtime;
  rados_handle names;
};

// A request: held by the job that submits it and by the answer that comes.
struct request {
  struct client *client;
  const struct rados_functions *rados;
  atomic_int holders;
  napi_async_work work;
  napi_ref hold;
  napi_ref complete;
  double *out;
  int64_t pool;
  const char *space;
  const char *object;
  rados_handle op;
  rados_handle completion;
  int code;
  uint64_t version;
  uint32_t count;
  bool writes;
  struct result *results;
  double steps[]; // then the strings
};

// Connecting and closing.
struct change {
  struct client *client;
  napi_async_work work;
  napi_ref hold;
  napi_ref complete;
  int code;
  bool closes;
  size_t bytes;
  char strings[]; // user, configuration file, then options and their values
};

static void request_put(struct request *request) {
  if (atomic_fetch_sub(&request->holders, 1) > 1) return;
  const struct rados_functions *rados = request->rados;
  for (uint32_t i = 0; i < request->count; i++)
    if (request->results[i].names != NULL) rados->getxattrs_end(request->results[i].names);
  if (request->op != NULL) (request->writes ? rados->release_write_op : rados->release_read_op)(request->op);
  free(request->results);
  free(request);
}

static void *address_of(double value) { return (void *)(uintptr_t)value; }

static void add_write(const struct rados_functions *rados, rados_handle op, const double *step) {
  uint64_t offset = (uint64_t)step[1];
  size_t length = (size_t)step[2];
  const char *bytes = address_of(step[3]);
  switch ((enum kind)step[0]) {
    case KIND_WRITE: rados->write_op_write(op, bytes, length, offset); break;
    case KIND_WRITE_FULL: rados->write_op_write_full(op, bytes, length); break;
    case KIND_APPEND: rados->write_op_append(op, bytes, length); break;
    case KIND_ZERO: rados->write_op_zero(op, offset, length); break;
    case KIND_TRUNCATE: rados->write_op_truncate(op, offset); break;
    case KIND_CREATE: rados->write_op_create(op, length == 0 ? 0 : CREATE_EXCLUSIVE, NULL); break;
    case KIND_REMOVE: rados->write_op_remove(op); break;
    case KIND_SET_XATTR: rados->write_op_setxattr(op, address_of(step[1]), bytes, length); break;
    case KIND_REMOVE_XATTR: rados->write_op_rmxattr(op, address_of(step[1])); break;
    case KIND_ASSERT_EXISTS: rados->write_op_assert_exists(op); break;
    case KIND_ASSERT_VERSION: rados->write_op_assert_version(op, offset); break;
    default: break; // the others read: they are refused before they come here
  }
}

static void add_read(const struct rados_functions *rados, rados_handle op, const double *step, struct result *result) {
  uint64_t offset = (uint64_t)step[1];
  switch ((enum kind)step[0]) {
    case KIND_READ:
      rados->read_op_read(op, offset, (size_t)step[2], address_of(step[3]), &result->bytes, &result->code);
      break;
    case KIND_STAT: rados->read_op_stat(op, &result->size, &result->mtime, &result->code); break;
    case KIND_XATTRS: rados->read_op_getxattrs(op, &result->names, &result->code); break;
    case KIND_ASSERT_VERSION: rados->read_op_assert_version(op, offset); break;
    default: break;
  }
}

// A pool's namespace has a context of its own, made at its first use and kept: objects of both are not mixed up.
static int context_of(struct client *client, int64_t id, const char *space, rados_handle *io) {
  for (struct pool *pool = client->pools; pool != NULL; pool = pool->next) {
    if (pool->id != id || strcmp(pool->space, space) != 0) continue;
    *io = pool->io;
    return 0;
  }
  struct pool *pool = malloc(sizeof *pool + strlen(space) + 1);
  if (pool == NULL) return -ENOMEM;
  int code = client->rados->ioctx_create2(client->cluster, id, &pool->io);
  if (code < 0) {
    free(pool);
    return code;
  }
  client->rados->ioctx_set_namespace(pool->io, space);
  client->rados->set_pool_full_try(pool->io);
  pool->id = id;
  strcpy(pool->space, space);
  pool->next = client->pools;
  client->pools = pool;
  *io = pool->io;
  return 0;
}

static void answer(struct request *request) {
  // It is closing: nobody waits any more.
  if (napi_call_threadsafe_function(request->client->answers, request, napi_tsfn_nonblocking) != napi_ok)
    request_put(request);
}

static void on_done(rados_handle completion, void *argument) {
  struct request *request = argument;
  const struct rados_functions *rados = request->rados;
  request->code = rados->aio_get_return_value(completion);
  request->version = rados->aio_get_version(completion);
  rados->aio_release(completion);
  answer(request);
}

static int submit(struct request *request) {
  struct client *client = request->client;
  const struct rados_functions *rados = client->rados;
  rados_handle io;
  pthread_mutex_lock(&client->lock);
  int code = client->connected ? context_of(client, request->pool, request->space, &io) : -ESHUTDOWN;
  pthread_mutex_unlock(&client->lock);
  if (code < 0) return code;
  request->op = request->writes ? rados->create_write_op() : rados->create_read_op();
  for (uint32_t i = 0; i < request->count; i++) {
    const double *step = request->steps + i * STEP_WORDS;
    if (request->writes) add_write(rados, request->op, step);
    else add_read(rados, request->op, step, &request->results[i]);
  }
  code = rados->aio_create_completion2(request, on_done, &request->completion);
  if (code < 0) return code;
  code = request->writes
             ? rados->aio_write_op_operate(request->op, io, request->completion, request->object, NULL, 0)
             : rados->aio_read_op_operate(request->op, io, request->completion, request->object, 0);
  if (code < 0) rados->aio_release(request->completion);
  return code;
}

static void submit_execute(napi_env env, void *data) {
  (void)env;
  struct request *request = data;
  int code = submit(request);
  if (code >= 0) return;
  request->code = code;
  answer(request);
}

static void submit_complete(napi_env env, napi_status status, void *data) {
  (void)status;
  struct request *request = data;
  (void)napi_delete_async_work(env, request->work);
  request_put(request);
}

static size_t encode_u32(uint8_t *at, size_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
  return 4;
}

// Attributes as an OSD encodes them: their number, then name and value of each, with their lengths before them.
static napi_value encode_names(napi_env env, const struct rados_functions *rados, rados_handle names) {
  uint8_t *bytes = malloc(4);
  size_t used = 4, count = 0;
  for (const char *name, *value; bytes != NULL;) {
    size_t length;
    if (rados->getxattrs_next(names, &name, &value, &length) < 0 || name == NULL) break;
    size_t name_length = strlen(name);
    uint8_t *grown = realloc(bytes, used + 8 + name_length + length);
    if (grown == NULL) free(bytes);
    bytes = grown;
    if (bytes == NULL) break;
    used += encode_u32(bytes + used, name_length);
    memcpy(bytes + used, name, name_length);
    used += name_length + encode_u32(bytes + used + name_length, length);
    if (length > 0) memcpy(bytes + used, value, length);
    used += length;
    count++;
  }
  napi_value buffer = NULL;
  if (bytes == NULL) return NULL;
  encode_u32(bytes, count);
  if (napi_create_buffer_copy(env, used, bytes, NULL, &buffer) != napi_ok) buffer = NULL;
  free(bytes);
  return buffer;
}

// complete(code, version, names): names of the step that asked for attributes, if one did.
static void on_answer(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  struct request *request = data;
  struct client *client = context;
  if (env == NULL) {
    request_put(request);
    return;
  }
  if (--client->in_flight == 0) (void)napi_unref_threadsafe_function(env, client->answers);
  napi_value argv[3], complete, undefined;
  (void)napi_get_undefined(env, &undefined);
  argv[2] = undefined;
  for (uint32_t i = 0; i < request->count; i++) {
    const struct result *result = &request->results[i];
    double *out = request->out + i * RESULT_WORDS;
    out[0] = result->code;
    out[1] = request->steps[i * STEP_WORDS] == KIND_STAT ? (double)result->size : (double)result->bytes;
    out[2] = (double)result->mtime;
    if (result->names == NULL) continue;
    napi_value names = encode_names(env, client->rados, result->names);
    if (names != NULL) argv[2] = names;
  }
  bool ready = napi_create_int32(env, request->code, &argv[0]) == napi_ok &&
               napi_create_bigint_uint64(env, request->version, &argv[1]) == napi_ok &&
               napi_get_reference_value(env, request->complete, &complete) == napi_ok;
  (void)napi_delete_reference(env, request->hold);
  (void)napi_delete_reference(env, request->complete);
  request_put(request);
  if (ready && napi_call_function(env, undefined, complete, 3, argv, NULL) == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) (void)napi_fatal_exception(env, error);
  }
}

static int connect_cluster(struct change *change) {
  struct client *client = change->client;
  const struct rados_functions *rados = client->rados;
  const char *user = change->strings;
  const char *end = change->strings + change->bytes;
  const char *path = user + strlen(user) + 1;
  rados_handle cluster;
  int code = rados->create(&cluster, user);
  if (code < 0) return code;
  // NULL: where Ceph's tools look, and there need not be any.
  code = rados->conf_read_file(cluster, *path == '\0' ? NULL : path);
  if (*path == '\0' && code == -ENOENT) code = 0;
  for (const char *option = path + strlen(path) + 1; option < end && code >= 0;) {
    const char *value = option + strlen(option) + 1;
    code = rados->conf_set(cluster, option, value);
    option = value + strlen(value) + 1;
  }
  if (code >= 0) code = rados->connect(cluster);
  if (code < 0) {
    rados->shutdown(cluster);
    return code;
  }
  pthread_mutex_lock(&client->lock);
  client->cluster = cluster;
  client->connected = true;
  pthread_mutex_unlock(&client->lock);
  return 0;
}

// Idempotent. What is in flight is not answered any more.
static void disconnect(struct client *client) {
  pthread_mutex_lock(&client->lock);
  bool connected = client->connected;
  client->connected = false;
  struct pool *pools = client->pools;
  client->pools = NULL;
  pthread_mutex_unlock(&client->lock);
  while (pools != NULL) {
    struct pool *pool = pools;
    pools = pool->next;
    client->rados->ioctx_destroy(pool->io);
    free(pool);
  }
  if (connected) client->rados->shutdown(client->cluster);
}

static void change_execute(napi_env env, void *data) {
  (void)env;
  struct change *change = data;
  if (change->closes) disconnect(change->client);
  else change->code = connect_cluster(change);
}

static void env_ends(void *data) { disconnect(data); }

static void let_go(napi_env env, struct client *client) {
  if (!client->open) return;
  client->open = false;
  (void)napi_remove_env_cleanup_hook(env, env_ends, client);
  (void)napi_release_threadsafe_function(client->answers, napi_tsfn_release);
}

static void change_complete(napi_env env, napi_status status, void *data) {
  (void)status;
  struct change *change = data;
  napi_value complete, undefined, code;
  bool ready = napi_get_undefined(env, &undefined) == napi_ok &&
               napi_create_int32(env, change->code, &code) == napi_ok &&
               napi_get_reference_value(env, change->complete, &complete) == napi_ok;
  if (change->closes || change->code < 0) let_go(env, change->client);
  (void)napi_delete_reference(env, change->hold);
  (void)napi_delete_reference(env, change->complete);
  (void)napi_delete_async_work(env, change->work);
  free(change);
  if (ready) (void)napi_call_function(env, undefined, complete, 1, &code, NULL);
}

static bool queue_change(napi_env env, struct client *client, napi_value handle, const void *strings, size_t bytes,
                         napi_value complete) {
  struct change *change = calloc(1, sizeof *change + bytes);
  if (change == NULL) {
    diorite_throw_errno(env, ENOMEM, "calloc");
    return false;
  }
  change->client = client;
  change->closes = strings == NULL;
  change->bytes = bytes;
  if (bytes > 0) memcpy(change->strings, strings, bytes);
  napi_value name;
  if (napi_create_string_utf8(env, "diorite:librados", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_reference(env, handle, 1, &change->hold) == napi_ok &&
      napi_create_reference(env, complete, 1, &change->complete) == napi_ok &&
      napi_create_async_work(env, NULL, name, change_execute, change_complete, change, &change->work) == napi_ok &&
      napi_queue_async_work(env, change->work) == napi_ok)
    return true;
  diorite_throw_last(env);
  return false;
}

static void client_free(napi_env env, void *data, void *hint) {
  (void)hint;
  struct client *client = data;
  let_go(env, client);
  disconnect(client);
  pthread_mutex_destroy(&client->lock);
  free(client);
}

// radosVersion(): of librados; or, as an error, why it cannot be used.
static napi_value js_version(napi_env env, napi_callback_info info) {
  (void)info;
  const char *problem;
  const struct rados_functions *rados = diorite_rados_functions(&problem);
  if (rados == NULL) {
    diorite_throw_code(env, "ENOENT", problem);
    return NULL;
  }
  int major, minor, extra;
  rados->version(&major, &minor, &extra);
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", major, minor, extra);
  napi_value result;
  DIORITE_TRY(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result));
  return result;
}

// radosOpen(strings, complete): a client, which is connected when complete(0) was called.
static napi_value js_open(napi_env env, napi_callback_info info) {
  napi_value argv[2], name, handle;
  void *strings;
  size_t bytes;
  const char *problem;
  if (!diorite_args(env, info, 2, argv) ||
      !diorite_get_array(env, argv[0], "strings", napi_uint8_array, &strings, &bytes))
    return NULL;
  const struct rados_functions *rados = diorite_rados_functions(&problem);
  struct client *client = rados == NULL ? NULL : calloc(1, sizeof *client);
  if (client == NULL) {
    diorite_throw_code(env, rados == NULL ? "ENOENT" : "ENOMEM", rados == NULL ? problem : "no memory");
    return NULL;
  }
  client->rados = rados;
  pthread_mutex_init(&client->lock, NULL);
  if (napi_create_string_utf8(env, "diorite:librados", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, client, on_answer, &client->answers) !=
          napi_ok) {
    free(client);
    diorite_throw_last(env);
    return NULL;
  }
  client->open = true;
  (void)napi_unref_threadsafe_function(env, client->answers);
  (void)napi_add_env_cleanup_hook(env, env_ends, client);
  DIORITE_TRY(env, napi_create_external(env, client, client_free, NULL, &handle));
  return queue_change(env, client, handle, strings, bytes, argv[1]) ? handle : NULL;
}

static bool get_client(napi_env env, napi_value handle, struct client **client) {
  if (napi_get_value_external(env, handle, (void **)client) == napi_ok) return true;
  diorite_throw_last(env);
  return false;
}

// radosClose(client, complete): nothing may be in flight.
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct client *client;
  if (!diorite_args(env, info, 2, argv) || !get_client(env, argv[0], &client)) return NULL;
  return queue_change(env, client, argv[0], NULL, 0, argv[1]) ? diorite_undefined(env) : NULL;
}

static struct request *new_request(struct client *client, const double *steps, size_t count, const char *strings,
                                   size_t bytes) {
  struct request *request = calloc(1, sizeof *request + count * STEP_WORDS * sizeof(double) + bytes + 1);
  if (request == NULL) return NULL;
  request->results = calloc(count + 1, sizeof *request->results);
  if (request->results == NULL) {
    free(request);
    return NULL;
  }
  memcpy(request->steps, steps, count * STEP_WORDS * sizeof(double));
  char *copy = (char *)(request->steps + count * STEP_WORDS);
  memcpy(copy, strings, bytes);
  request->client = client;
  request->rados = client->rados;
  request->count = (uint32_t)count;
  request->space = copy;
  request->object = copy + strlen(copy) + 1;
  atomic_init(&request->holders, 2);
  return request;
}

// radosOperate(client, pool, strings, writes, steps, out, hold, complete): strings are the namespace and the object.
static napi_value js_operate(napi_env env, napi_callback_info info) {
  napi_value argv[8], name;
  struct client *client;
  int64_t pool;
  bool writes;
  void *strings, *steps, *out;
  size_t bytes, words, out_words;
  if (!diorite_args(env, info, 8, argv) || !get_client(env, argv[0], &client) ||
      !diorite_get_i64(env, argv[1], "pool", &pool) ||
      !diorite_get_array(env, argv[2], "strings", napi_uint8_array, &strings, &bytes) ||
      !diorite_get_bool(env, argv[3], "writes", &writes) ||
      !diorite_get_array(env, argv[4], "steps", napi_float64_array, &steps, &words) ||
      !diorite_get_array(env, argv[5], "out", napi_float64_array, &out, &out_words))
    return NULL;
  size_t count = words / STEP_WORDS;
  bool fits = out_words >= count * RESULT_WORDS && bytes >= 2 && ((const char *)strings)[bytes - 1] == '\0' &&
              strnlen(strings, bytes) < bytes - 1;
  struct request *request = fits ? new_request(client, steps, count, strings, bytes) : NULL;
  if (request == NULL) {
    diorite_throw_code(env, fits ? "ENOMEM" : "ERR_INVALID_ARG_VALUE", "a request cannot be made");
    return NULL;
  }
  request->pool = pool;
  request->writes = writes;
  request->out = out;
  if (napi_create_string_utf8(env, "diorite:librados", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, argv[6], 1, &request->hold) != napi_ok ||
      napi_create_reference(env, argv[7], 1, &request->complete) != napi_ok ||
      napi_create_async_work(env, NULL, name, submit_execute, submit_complete, request, &request->work) != napi_ok ||
      napi_queue_async_work(env, request->work) != napi_ok) {
    diorite_throw_last(env);
    return NULL;
  }
  if (client->in_flight++ == 0) (void)napi_ref_threadsafe_function(env, client->answers);
  return diorite_undefined(env);
}

napi_status diorite_librados_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "radosVersion", js_version, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "radosOpen", js_open, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "radosClose", js_close, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "radosOperate", js_operate, NULL);
  return status;
}
