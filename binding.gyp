{
  "targets": [
    {
      "target_name": "diorite",
      "sources": ["native/addon.c", "native/memory.c", "native/jobs.c", "native/files.c", "native/ring.c", "native/pipes.c", "native/processes.c", "native/crc32c.c", "native/sockets.c", "native/librados.c", "native/librados-load.c"],
      "defines": ["NAPI_VERSION=9", "_GNU_SOURCE"],
      "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags!": ["-Wno-unused-parameter", "-O3"],
      # It is linked by the C++ compiler's driver: --as-needed drops the C++ library, of which nothing is used.
      "ldflags": ["-Wl,--as-needed", "-Wl,-z,relro", "-Wl,-z,now"]
    }
  ]
}
