/* random.h: unpredictable bytes from the operating system. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

enum { RANDOM_UUID_SIZE = 37 };

bool random_bytes(void *out, size_t length, struct error *err);

/* A version 4 UUID in lower case, NUL-terminated. */
bool random_uuid(char out[RANDOM_UUID_SIZE], struct error *err);

#endif
