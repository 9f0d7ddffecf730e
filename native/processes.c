// Processes that are not our children: held by a descriptor, and how they ended, which pidfd tells anybody who holds one.
#include "addon.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

// <linux/pidfd.h>, of Linux 6.15, and older headers lack it: struct pidfd_info in its first size, and its ioctl.
struct info {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
_Static_assert(sizeof(struct info) == 64, "PIDFD_INFO_SIZE_VER0");
#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO _IOWR(0xFF, 11, struct info)

// processOpen(pid): a pidfd, or -errno
static napi_value process_open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t pid;
  if (!diorite_args(env, info, 1, argv) || !diorite_get_i32(env, argv[0], "pid", &pid)) return NULL;
  long fd = syscall(SYS_pidfd_open, pid, 0);
  return diorite_number(env, fd < 0 ? -errno : (double)fd);
}

// processStatus(pidfd): what wait(2) told its parent, who has asked; -EAGAIN: nobody has yet; or -errno
static napi_value process_status(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t fd;
  if (!diorite_args(env, info, 1, argv) || !diorite_get_i32(env, argv[0], "pidfd", &fd)) return NULL;
  struct info found = {.mask = INFO_EXIT};
  if (ioctl(fd, GET_INFO, &found) < 0) return diorite_number(env, -errno);
  return diorite_number(env, (found.mask & INFO_EXIT) != 0 ? found.exit_code : -EAGAIN);
}

napi_status diorite_processes_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "processOpen", process_open, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "processStatus", process_status, NULL);
  return status;
}
