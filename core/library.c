#include "library.h"

#include <dlfcn.h>
#include <string.h>

bool library_load(const char *file, const struct library_symbol *symbols, size_t count, struct error *err) {
  void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    error_set(err, ERROR_NOT_FOUND, "cannot load %s: %s", file, dlerror());
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    void *function = dlsym(handle, symbols[i].name);
    if (!function) {
      error_set(err, ERROR_NOT_FOUND, "%s lacks %s", file, symbols[i].name);
      return false;
    }
    memcpy(symbols[i].place, &function, sizeof function);
  }
  return true;
}
