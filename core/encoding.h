/* encoding.h: bytes as text and back: hexadecimal, Base64 (RFC 4648, with padding), percent-encoding
 * (RFC 3986).
 *
 * Every function appends to `out` and returns false when out of memory; decoders also return false, with
 * `out` in an unspecified but valid state, for text that is not exactly well-formed. `err` tells which. */
#ifndef CORE_ENCODING_H
#define CORE_ENCODING_H

#include "buffer.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>

/* Lower-case digits. `out` needs 2 * length + 1 bytes. */
void encoding_hex(const unsigned char *bytes, size_t length, char *out);

bool encoding_to_hex(struct buffer *out, const char *bytes, size_t length, struct error *err);
bool encoding_from_hex(struct buffer *out, const char *text, size_t length, struct error *err);
bool encoding_to_base64(struct buffer *out, const char *bytes, size_t length, struct error *err);
bool encoding_from_base64(struct buffer *out, const char *text, size_t length, struct error *err);

/* Leaves letters, digits and `-._~` (and `/` when `keep_slash`) as they are; the rest becomes %XX. */
bool encoding_to_uri(struct buffer *out, const char *bytes, size_t length, bool keep_slash,
                     struct error *err);
/* `+` stays a plus sign. */
bool encoding_from_uri(struct buffer *out, const char *text, size_t length, struct error *err);

#endif
