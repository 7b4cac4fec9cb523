#include "microhttpd.h"

#include "library.h"

const struct microhttpd *microhttpd_open(struct error *err) {
  static struct microhttpd table; /* as the library itself, one for the process and until its end */
  if (table.start_daemon) return &table;
#define MICROHTTPD_SYMBOL(name) {"MHD_" #name, &table.name},
  const struct library_symbol symbols[] = {MICROHTTPD_FUNCTIONS(MICROHTTPD_SYMBOL)};
  if (library_load("libmicrohttpd.so.12", symbols, sizeof symbols / sizeof *symbols, err)) return &table;
  table = (struct microhttpd){0};
  return NULL;
}
