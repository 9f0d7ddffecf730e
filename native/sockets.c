// TCP sockets for the ring: what is asked of one before it connects and after, none of which waits for anything.
#include "addon.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static bool remember(struct diorite_env *state, int fd) {
  if (state->socket_count == state->socket_room) {
    unsigned room = state->socket_room == 0 ? 16 : 2 * state->socket_room;
    int *larger = realloc(state->sockets, room * sizeof *larger);
    if (larger == NULL) return false;
    state->sockets = larger;
    state->socket_room = room;
  }
  state->sockets[state->socket_count++] = fd;
  return true;
}

// False: it is none of this environment's.
static bool forget(struct diorite_env *state, int fd) {
  for (unsigned i = 0; i < state->socket_count; i++) {
    if (state->sockets[i] != fd) continue;
    state->sockets[i] = state->sockets[--state->socket_count];
    return true;
  }
  return false;
}

void diorite_sockets_free(struct diorite_env *state) {
  for (unsigned i = 0; i < state->socket_count; i++) close(state->sockets[i]);
  free(state->sockets);
}

static bool set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// To a port of any of this machine's addresses. 0, or an errno.
static int bind_port(int fd, int family, uint32_t port) {
  union address address;
  memset(&address, 0, sizeof address);
  socklen_t bytes;
  if (family == AF_INET) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons((uint16_t)port);
    bytes = sizeof address.v4;
  } else {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons((uint16_t)port);
    bytes = sizeof address.v6;
  }
  // A port whose last connection lingers (TIME_WAIT) can be had again.
  if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return errno;
  return bind(fd, &address.any, bytes) == 0 ? 0 : errno;
}

// socketOpen(family, localPort): the descriptor
static napi_value socket_open(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  uint32_t family, port;
  struct diorite_env *state = diorite_env_of(env);
  if (state == NULL || !diorite_args(env, info, 2, argv) || !diorite_get_u32(env, argv[0], "family", &family)) return NULL;
  if (!diorite_get_u32(env, argv[1], "localPort", &port)) return NULL;
  if ((family != 4 && family != 6) || port > UINT16_MAX) {
    diorite_throw_errno(env, EINVAL, "socket");
    return NULL;
  }
  int domain = family == 4 ? AF_INET : AF_INET6;
  // Blocking: the ring never blocks on it, and a request that has to wait is polled for by the kernel.
  int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    diorite_throw_errno(env, errno, "socket");
    return NULL;
  }
  const char *call = "setsockopt";
  int error = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) ? 0 : errno;
  if (error == 0 && port > 0) {
    call = "bind";
    error = bind_port(fd, domain, port);
  }
  if (error == 0) {
    if (remember(state, fd)) return diorite_number(env, fd);
    call = "realloc";
    error = ENOMEM;
  }
  close(fd);
  diorite_throw_errno(env, error, call);
  return NULL;
}

// socketPort(fd): where it comes from, or -errno
static napi_value socket_port(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t fd;
  if (!diorite_args(env, info, 1, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  union address address;
  socklen_t bytes = sizeof address;
  if (getsockname(fd, &address.any, &bytes) != 0) return diorite_number(env, -errno);
  return diorite_number(env, ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port));
}

// Numbers that socketBytes writes: received, acknowledged by the other end
#define SOCKET_BYTES_LENGTH 2

// socketBytes(fd, out): 0 or -errno
static napi_value socket_bytes(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int32_t fd;
  void *data;
  size_t length;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  if (!diorite_get_array(env, argv[1], "out", napi_float64_array, &data, &length)) return NULL;
  if (length < SOCKET_BYTES_LENGTH) {
    diorite_throw_errno(env, EINVAL, "getsockopt");
    return NULL;
  }
  struct tcp_info tcp = {0};
  socklen_t bytes = sizeof tcp;
  // A kernel whose tcp_info is shorter leaves the rest 0.
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &bytes) != 0) return diorite_number(env, -errno);
  double *out = data;
  out[0] = (double)tcp.tcpi_bytes_received;
  out[1] = (double)tcp.tcpi_bytes_acked;
  return diorite_number(env, 0);
}

// socketClose(fd, reset): 0 or -errno. `reset`: the other end is told so, and the port is free at once.
static napi_value socket_close(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int32_t fd;
  bool reset;
  struct diorite_env *state = diorite_env_of(env);
  if (state == NULL || !diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  if (!diorite_get_bool(env, argv[1], "reset", &reset)) return NULL;
  if (!forget(state, fd)) return diorite_number(env, -EBADF);
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  // What cannot be reset any more, since it is shut down already, is closed.
  if (reset) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  return diorite_number(env, close(fd) == 0 ? 0 : -errno);
}

napi_status diorite_sockets_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "socketOpen", socket_open, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "socketPort", socket_port, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "socketBytes", socket_bytes, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "socketClose", socket_close, NULL);
  return status;
}
