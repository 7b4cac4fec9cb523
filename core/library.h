/* library.h: shared libraries that are loaded when first needed, because they bring dozens of others along
 * and would cost every start of the program, even of `help`, several milliseconds. */
#ifndef CORE_LIBRARY_H
#define CORE_LIBRARY_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct library_symbol {
  const char *name;
  void *place; /* of the function pointer to fill */
};

/* Loads `file` and fills every place. The library stays loaded until the process ends. ERROR_NOT_FOUND when
 * it is not installed or lacks a function. */
bool library_load(const char *file, const struct library_symbol *symbols, size_t count, struct error *err);

#endif
