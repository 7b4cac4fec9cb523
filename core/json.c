#include "json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool out_of_memory(struct error *err) {
  error_set(err, ERROR_MEMORY, "out of memory");
  return false;
}

/* Length of the well-formed UTF-8 sequence that starts at `at` with a byte above 0x7f; 0 when there is none.
 */
static size_t sequence_length(const unsigned char *at, size_t left) {
  unsigned char lead = at[0];
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  unsigned char low =
      0x80; /* bounds of the second byte: no overlong form, no surrogate, nothing above 10FFFF */
  unsigned char high = 0xbf;
  if (lead < 0xc2 || lead > 0xf4 || left < length) return 0;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

static bool write_escape(struct buffer *buffer, unsigned char byte) {
  static const char short_forms[] = {
      ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
  if (byte < sizeof short_forms && short_forms[byte]) {
    const char text[2] = {'\\', short_forms[byte]};
    return buffer_append(buffer, text, sizeof text);
  }
  return buffer_append_format(buffer, "\\u%04x", (unsigned)byte);
}

bool json_write_text(struct buffer *buffer, const char *bytes, size_t length, struct error *err) {
  const unsigned char *text = (const unsigned char *)bytes;
  size_t written = 0; /* everything before it is in the buffer */
  size_t at = 0;
  if (!buffer_reserve(buffer, length + 2) || !buffer_append(buffer, "\"", 1)) return out_of_memory(err);
  while (at < length) {
    unsigned char byte = text[at];
    if (byte > 0x7f) {
      size_t step = sequence_length(text + at, length - at);
      if (step == 0) {
        error_set(err, ERROR_INVALID, "a text is not valid UTF-8 (byte %zu)", at + 1);
        return false;
      }
      at += step;
    } else if (byte < 0x20 || byte == '"' || byte == '\\') {
      if (!buffer_append(buffer, bytes + written, at - written) || !write_escape(buffer, byte))
        return out_of_memory(err);
      written = ++at;
    } else {
      at++;
    }
  }
  if (!buffer_append(buffer, bytes + written, length - written) || !buffer_append(buffer, "\"", 1))
    return out_of_memory(err);
  return true;
}

bool json_write_integer(struct buffer *buffer, int64_t value, struct error *err) {
  char digits[24];
  int length = snprintf(digits, sizeof digits, "%" PRId64, value);
  return buffer_append(buffer, digits, (size_t)length) ? true : out_of_memory(err);
}

bool json_write_number(struct buffer *buffer, double value, struct error *err) {
  const double limit = 9223372036854775808.0; /* 2^63, exact */
  if (!isfinite(value)) {
    error_set(err, ERROR_INVALID, "%s is not a JSON number", isnan(value) ? "NaN" : "an infinite number");
    return false;
  }
  if (value >= -limit && value < limit && floor(value) == value)
    return json_write_integer(buffer, (int64_t)value, err);
  char digits[32];
  int length = 0;
  /* 15 digits survive the way to a double and back, so fewer never need a try; except for subnormal numbers
   */
  for (int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG; precision <= DBL_DECIMAL_DIG; precision++) {
    length = snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  return buffer_append(buffer, digits, (size_t)length) ? true : out_of_memory(err);
}

int json_compare_keys(const char *one, size_t one_length, const char *other, size_t other_length) {
  int order = memcmp(one, other, one_length < other_length ? one_length : other_length);
  if (order != 0) return order;
  return (one_length > other_length) - (one_length < other_length);
}

/* jansson's own texts quote the input, which may be secret. */
static const char *explain(enum json_error_code code) {
  switch (code) {
  case json_error_premature_end_of_input:
    return "unexpected end";
  case json_error_end_of_input_expected:
    return "more text behind the value";
  case json_error_invalid_utf8:
    return "not valid UTF-8";
  case json_error_null_byte_in_key:
    return "a NUL in a key";
  case json_error_duplicate_key:
    return "a key appears twice in one object";
  case json_error_numeric_overflow:
    return "a number too large (integers have 64 bits)";
  case json_error_stack_overflow:
    return "nested too deeply";
  default:
    return "not JSON";
  }
}

/* jansson allows 2048 levels. Recursion is bounded by that. */
static bool deeper_than(const json_t *value, int limit) { /* NOLINT(misc-no-recursion) */
  if (json_is_object(value)) {
    const char *key = NULL;
    json_t *child = NULL;
    if (limit == 0) return true;
    json_object_foreach((json_t *)value, key, child) {
      if (deeper_than(child, limit - 1)) return true;
    }
  } else if (json_is_array(value)) {
    if (limit == 0) return true;
    for (size_t i = 0; i < json_array_size(value); i++) {
      if (deeper_than(json_array_get(value, i), limit - 1)) return true;
    }
  }
  return false;
}

json_t *json_parse(const char *bytes, size_t length, struct error *err) {
  json_error_t reason;
  json_t *value =
      json_loadb(bytes, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
  if (!value) {
    enum json_error_code code = json_error_code(&reason);
    if (code == json_error_out_of_memory) {
      out_of_memory(err);
    } else {
      error_set(err, ERROR_INVALID, "%s at line %d, column %d", explain(code), reason.line, reason.column);
    }
    return NULL;
  }
  if (deeper_than(value, JSON_DEPTH)) {
    json_decref(value);
    error_set(err, ERROR_INVALID, "nested deeper than %d levels", JSON_DEPTH);
    return NULL;
  }
  return value;
}
