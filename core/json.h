/* json.h: canonical JSON text, written piece by piece, and a strict parser (jansson).
 *
 * The writers append to a buffer. The form is canonical: the shortest digits that read back as the same
 * number, only the escapes that JSON demands, UTF-8 as it is. Sorting keys is up to the caller
 * (json_compare_keys). */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "buffer.h"
#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH = 200 }; /* arrays and objects inside each other, written and read */

/* A quoted text. ERROR_INVALID when it is not UTF-8, ERROR_MEMORY; the buffer may then hold a part of it. */
bool json_write_text(struct buffer *buffer, const char *bytes, size_t length, struct error *err);
bool json_write_integer(struct buffer *buffer, int64_t value, struct error *err);
/* An integral value that fits becomes an integer (5.0 is 5, and so is -0.0 0). ERROR_INVALID for NaN and the
 * infinities, which JSON cannot say. */
bool json_write_number(struct buffer *buffer, double value, struct error *err);

/* Order of keys: by bytes, a prefix first. */
int json_compare_keys(const char *one, size_t one_length, const char *other, size_t other_length);

/* Any JSON value; the caller releases it (json_decref). NULL with `err` set (ERROR_INVALID) and line and
 * column in its text, never content. Refused: duplicate keys, integers beyond 64 bits, keys with a NUL,
 * anything behind the value, nesting beyond JSON_DEPTH. */
json_t *json_parse(const char *bytes, size_t length, struct error *err);

#endif
