// librados, found at run time: an addon that was linked with it could not be loaded where it is not installed.
#include "librados.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct rados_functions functions;
static char why[256]; // empty: it is there

static void *find(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL && why[0] == '\0') snprintf(why, sizeof why, "librados.so.2 lacks %s", name);
  return found;
}

static void load(void) {
  void *library = dlopen("librados.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *error = dlerror();
    snprintf(why, sizeof why, "%s", error == NULL ? "librados.so.2 cannot be loaded" : error);
    return;
  }
  // POSIX has functions as objects come out of dlsym.
#define DIORITE_RADOS_FIND(name, result, parameters) *(void **)&functions.name = find(library, "rados_" #name);
  DIORITE_RADOS_FUNCTIONS(DIORITE_RADOS_FIND)
#undef DIORITE_RADOS_FIND
}

const struct rados_functions *diorite_rados_functions(const char **problem) {
  pthread_once(&once, load);
  *problem = why;
  return why[0] == '\0' ? &functions : NULL;
}
