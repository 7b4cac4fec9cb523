#include "curl.h"

#include "library.h"

bool curl_open(struct curl_library *library, struct error *err) {
#define CURL_SYMBOL(name) {"curl_" #name, &library->name},
  const struct library_symbol symbols[] = {CURL_FUNCTIONS(CURL_SYMBOL)};
  if (!library_load("libcurl.so.4", symbols, sizeof symbols / sizeof *symbols, err)) return false;
  if (library->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return true;
  error_set(err, ERROR_IO, "cannot start libcurl");
  return false;
}
