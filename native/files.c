// Facts about an open file: alignment, identity, file system, device limits, pages in the page cache.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// The kernel's struct statx, as of Linux 6.16: the headers that this builds with may be older. 256 bytes for ever.
struct kernel_statx_time {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t reserved;
};
struct kernel_statx {
  uint32_t mask;
  uint32_t block_bytes;
  uint64_t attributes;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t reserved1;
  uint64_t inode;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  struct kernel_statx_time times[4];
  uint32_t rdev_major;
  uint32_t rdev_minor;
  uint32_t dev_major;
  uint32_t dev_minor;
  uint64_t mount_id;
  uint32_t dio_memory_align;
  uint32_t dio_offset_align;
  uint64_t subvolume;
  uint32_t atomic_write_unit_min;
  uint32_t atomic_write_unit_max;
  uint32_t atomic_write_segments_max;
  uint32_t dio_read_offset_align;
  uint32_t atomic_write_unit_max_opt;
  uint32_t reserved2;
  uint64_t reserved3[8];
};
_Static_assert(sizeof(struct kernel_statx) == 256, "struct statx has 256 bytes");
_Static_assert(offsetof(struct kernel_statx, dio_memory_align) == 0x98, "stx_dio_mem_align");
_Static_assert(offsetof(struct kernel_statx, atomic_write_unit_min) == 0xa8, "stx_atomic_write_unit_min");
_Static_assert(offsetof(struct kernel_statx, dio_read_offset_align) == 0xb4, "stx_dio_read_offset_align");

enum {
  MASK_BASIC = 0x7ff,          // STATX_BASIC_STATS
  MASK_DIOALIGN = 0x2000,      // Linux 6.1
  MASK_WRITE_ATOMIC = 0x10000, // Linux 6.11
  MASK_DIO_READ_ALIGN = 0x20000, // Linux 6.16
  SYS_CACHESTAT = 451,         // Linux 6.5, the same number on every architecture
};

// FILE_FACTS and BLOCK_FACTS of src/memory/addon.ts, in the same order.
enum {
  FACT_MODE,
  FACT_BYTES,
  FACT_BLOCK_BYTES,
  FACT_DEV_MAJOR,
  FACT_DEV_MINOR,
  FACT_RDEV_MAJOR,
  FACT_RDEV_MINOR,
  FACT_INODE_LOW,
  FACT_INODE_HIGH,
  FACT_DIO_MEMORY_ALIGN,
  FACT_DIO_OFFSET_ALIGN,
  FACT_DIO_READ_OFFSET_ALIGN,
  FACT_FS_TYPE,
  FACT_FS_FLAGS,
  FACT_FS_BLOCK_BYTES,
  FACT_FS_FREE_BYTES,
  FACT_ATOMIC_MIN_BYTES,
  FACT_ATOMIC_MAX_BYTES,
  FACT_ATOMIC_SEGMENTS_MAX,
  FILE_FACTS_LENGTH,
};
enum {
  FACT_DEVICE_BYTES,
  FACT_LOGICAL_BLOCK_BYTES,
  FACT_PHYSICAL_BLOCK_BYTES,
  FACT_READ_ONLY,
  FACT_IO_MIN_BYTES,
  FACT_IO_OPT_BYTES,
  BLOCK_FACTS_LENGTH,
};

static bool ask_stat(int fd, unsigned mask, struct kernel_statx *stat) {
  return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mask, stat) == 0;
}

static void put_stat(const struct kernel_statx *stat, double *out) {
  out[FACT_MODE] = stat->mode;
  out[FACT_BYTES] = (double)stat->size;
  out[FACT_BLOCK_BYTES] = stat->block_bytes;
  out[FACT_DEV_MAJOR] = stat->dev_major;
  out[FACT_DEV_MINOR] = stat->dev_minor;
  out[FACT_RDEV_MAJOR] = stat->rdev_major;
  out[FACT_RDEV_MINOR] = stat->rdev_minor;
  out[FACT_INODE_LOW] = (double)(stat->inode & UINT32_MAX);
  out[FACT_INODE_HIGH] = (double)(stat->inode >> 32);
  bool atomic = (stat->mask & MASK_WRITE_ATOMIC) != 0;
  out[FACT_ATOMIC_MIN_BYTES] = atomic ? stat->atomic_write_unit_min : -1.0;
  out[FACT_ATOMIC_MAX_BYTES] = atomic ? stat->atomic_write_unit_max : -1.0;
  out[FACT_ATOMIC_SEGMENTS_MAX] = atomic ? stat->atomic_write_segments_max : -1.0;
  bool dio = (stat->mask & MASK_DIOALIGN) != 0;
  bool dio_read = (stat->mask & MASK_DIO_READ_ALIGN) != 0;
  out[FACT_DIO_MEMORY_ALIGN] = dio ? stat->dio_memory_align : -1.0;
  out[FACT_DIO_OFFSET_ALIGN] = dio ? stat->dio_offset_align : -1.0;
  out[FACT_DIO_READ_OFFSET_ALIGN] = dio_read ? stat->dio_read_offset_align : -1.0;
}

static void put_file_system(int fd, double *out) {
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0) return;
  // Magic numbers have 32 bits; f_type is a signed long, and some (btrfs 0x9123683e) have the top bit set.
  out[FACT_FS_TYPE] = (uint32_t)fs.f_type;
  out[FACT_FS_BLOCK_BYTES] = (double)fs.f_bsize;
  out[FACT_FS_FREE_BYTES] = (double)fs.f_bavail * (double)(fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize);
}

// Only of files: a device's driver may take the same ioctl number for anything. The kernel writes an int, though the
// number says long.
static void put_flags(int fd, unsigned mode, double *out) {
  unsigned flags = 0;
  if ((S_ISREG(mode) || S_ISDIR(mode)) && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) out[FACT_FS_FLAGS] = flags;
}

static bool facts_args(napi_env env, napi_callback_info info, size_t needed, int32_t *fd, double **out) {
  napi_value argv[2];
  void *data;
  size_t length;
  if (!diorite_args(env, info, 2, argv) || !diorite_get_i32(env, argv[0], "fd", fd)) return false;
  if (!diorite_get_array(env, argv[1], "out", napi_float64_array, &data, &length)) return false;
  if (length < needed) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "diorite addon: out is too short");
    return false;
  }
  *out = data;
  for (size_t i = 0; i < needed; i++) (*out)[i] = -1;
  return true;
}

// fileFacts(fd, out): 0 or -errno
static napi_value file_facts(napi_env env, napi_callback_info info) {
  int32_t fd;
  double *out;
  if (!facts_args(env, info, FILE_FACTS_LENGTH, &fd, &out)) return NULL;
  struct kernel_statx stat = {0};
  if (!ask_stat(fd, MASK_BASIC | MASK_DIOALIGN | MASK_WRITE_ATOMIC | MASK_DIO_READ_ALIGN, &stat)) return diorite_number(env, -errno);
  put_stat(&stat, out);
  put_file_system(fd, out);
  put_flags(fd, stat.mode, out);
  return diorite_number(env, 0);
}

// blockFacts(fd, out): 0 or -errno
static napi_value block_facts(napi_env env, napi_callback_info info) {
  int32_t fd;
  double *out;
  if (!facts_args(env, info, BLOCK_FACTS_LENGTH, &fd, &out)) return NULL;
  // A character device or a pipe may understand these numbers in its own way: only block devices are asked.
  struct kernel_statx stat = {0};
  if (!ask_stat(fd, MASK_BASIC, &stat)) return diorite_number(env, -errno);
  if (!S_ISBLK(stat.mode)) return diorite_number(env, -ENOTTY);

  uint64_t bytes = 0;
  int logical = 0, read_only = 0;
  unsigned physical = 0, io_min = 0, io_opt = 0;
  if (ioctl(fd, BLKGETSIZE64, &bytes) != 0 || ioctl(fd, BLKSSZGET, &logical) != 0) return diorite_number(env, -errno);
  out[FACT_DEVICE_BYTES] = (double)bytes;
  out[FACT_LOGICAL_BLOCK_BYTES] = logical;
  if (ioctl(fd, BLKPBSZGET, &physical) == 0) out[FACT_PHYSICAL_BLOCK_BYTES] = physical;
  if (ioctl(fd, BLKROGET, &read_only) == 0) out[FACT_READ_ONLY] = read_only != 0;
  if (ioctl(fd, BLKIOMIN, &io_min) == 0) out[FACT_IO_MIN_BYTES] = io_min;
  if (ioctl(fd, BLKIOOPT, &io_opt) == 0) out[FACT_IO_OPT_BYTES] = io_opt;
  return diorite_number(env, 0);
}

// cachedPages(fd, offset, length): the number, or -errno
static napi_value cached_pages(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int32_t fd;
  int64_t offset, length;
  if (!diorite_args(env, info, 3, argv) || !diorite_get_i32(env, argv[0], "fd", &fd)) return NULL;
  if (!diorite_get_i64(env, argv[1], "offset", &offset)) return NULL;
  if (!diorite_get_i64(env, argv[2], "length", &length)) return NULL;
  struct {
    uint64_t offset, length;
  } range = {(uint64_t)offset, (uint64_t)length};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } stat = {0};
  if (length == 0) return diorite_number(env, 0); // to the kernel 0 means up to the end
  if (syscall(SYS_CACHESTAT, fd, &range, &stat, 0) != 0) return diorite_number(env, -errno);
  return diorite_number(env, (double)stat.cached);
}

napi_status diorite_files_init(napi_env env, napi_value exports) {
  napi_status status = diorite_set_function(env, exports, "fileFacts", file_facts, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "blockFacts", block_facts, NULL);
  if (status == napi_ok) status = diorite_set_function(env, exports, "cachedPages", cached_pages, NULL);
  return status;
}
