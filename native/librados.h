// The part of librados's C interface that is used, found at run time: nothing here needs its headers or the library.
#ifndef DIORITE_LIBRADOS_H
#define DIORITE_LIBRADOS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef void *rados_handle;
typedef void (*rados_done)(rados_handle completion, void *argument);

// librados.h: name, result, parameters.
#define DIORITE_RADOS_FUNCTIONS(X)                                                                                     \
  X(version, void, (int *major, int *minor, int *extra))                                                               \
  X(create, int, (rados_handle * cluster, const char *user))                                                           \
  X(conf_read_file, int, (rados_handle cluster, const char *path))                                                     \
  X(conf_set, int, (rados_handle cluster, const char *option, const char *value))                                      \
  X(connect, int, (rados_handle cluster))                                                                              \
  X(shutdown, void, (rados_handle cluster))                                                                            \
  X(ioctx_create2, int, (rados_handle cluster, int64_t pool, rados_handle *io))                                        \
  X(ioctx_destroy, void, (rados_handle io))                                                                            \
  X(ioctx_set_namespace, void, (rados_handle io, const char *name))                                                    \
  X(set_pool_full_try, void, (rados_handle io))                                                                        \
  X(aio_create_completion2, int, (void *argument, rados_done done, rados_handle *completion))                          \
  X(aio_get_return_value, int, (rados_handle completion))                                                              \
  X(aio_get_version, uint64_t, (rados_handle completion))                                                              \
  X(aio_release, void, (rados_handle completion))                                                                      \
  X(create_write_op, rados_handle, (void))                                                                             \
  X(release_write_op, void, (rados_handle op))                                                                         \
  X(write_op_write, void, (rados_handle op, const char *bytes, size_t length, uint64_t offset))                        \
  X(write_op_write_full, void, (rados_handle op, const char *bytes, size_t length))                                    \
  X(write_op_append, void, (rados_handle op, const char *bytes, size_t length))                                        \
  X(write_op_zero, void, (rados_handle op, uint64_t offset, uint64_t length))                                          \
  X(write_op_truncate, void, (rados_handle op, uint64_t size))                                                         \
  X(write_op_create, void, (rados_handle op, int exclusive, const char *category))                                     \
  X(write_op_remove, void, (rados_handle op))                                                                          \
  X(write_op_setxattr, void, (rados_handle op, const char *name, const char *value, size_t length))                    \
  X(write_op_rmxattr, void, (rados_handle op, const char *name))                                                       \
  X(write_op_assert_exists, void, (rados_handle op))                                                                   \
  X(write_op_assert_version, void, (rados_handle op, uint64_t version))                                                \
  X(aio_write_op_operate, int,                                                                                         \
    (rados_handle op, rados_handle io, rados_handle completion, const char *object, time_t *mtime, int flags))         \
  X(create_read_op, rados_handle, (void))                                                                              \
  X(release_read_op, void, (rados_handle op))                                                                          \
  X(read_op_read, void,                                                                                                \
    (rados_handle op, uint64_t offset, size_t length, char *bytes, size_t *read, int *result))                         \
  X(read_op_stat, void, (rados_handle op, uint64_t *size, time_t *mtime, int *result))                                 \
  X(read_op_getxattrs, void, (rados_handle op, rados_handle *names, int *result))                                      \
  X(read_op_assert_version, void, (rados_handle op, uint64_t version))                                                 \
  X(aio_read_op_operate, int,                                                                                          \
    (rados_handle op, rados_handle io, rados_handle completion, const char *object, int flags))                        \
  X(getxattrs_next, int, (rados_handle names, const char **name, const char **value, size_t *length))                  \
  X(getxattrs_end, void, (rados_handle names))

struct rados_functions {
#define DIORITE_RADOS_MEMBER(name, result, parameters) result(*name) parameters;
  DIORITE_RADOS_FUNCTIONS(DIORITE_RADOS_MEMBER)
#undef DIORITE_RADOS_MEMBER
};

// NULL, and `problem` says why: it is not installed, or it lacks a function. Loaded once, and never unloaded.
const struct rados_functions *diorite_rados_functions(const char **problem);

#endif
