#include "curl.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

bool curl_open(struct curl_library *library, struct error *err) {
  void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    error_set(err, ERROR_NOT_FOUND, "cannot load %s: %s", LIBRARY, dlerror());
    return false;
  }
#define CURL_LOAD(name)                                                                                      \
  {                                                                                                          \
    void *symbol = dlsym(handle, "curl_" #name);                                                             \
    if (!symbol) {                                                                                           \
      error_set(err, ERROR_NOT_FOUND, "%s lacks curl_%s", LIBRARY, #name);                                   \
      return false;                                                                                          \
    }                                                                                                        \
    memcpy(&library->name, &symbol, sizeof symbol);                                                          \
  }
  CURL_FUNCTIONS(CURL_LOAD)
  if (library->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return true;
  error_set(err, ERROR_IO, "cannot start %s", LIBRARY);
  return false;
}
