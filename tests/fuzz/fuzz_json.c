/* What json_parse accepts can be written again, and is then the same value. */
#include "json.h"

#include <stdlib.h>

static bool write_again(struct buffer *buffer, const json_t *value, struct error *err) {
  const char *key = NULL;
  json_t *child = NULL;
  bool first = true;
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    (void)buffer_append(buffer, "{", 1);
    json_object_foreach((json_t *)value, key, child) {
      if (!first) (void)buffer_append(buffer, ",", 1);
      first = false;
      if (!json_write_text(buffer, key, json_object_iter_key_len(json_object_key_to_iter(key)), err))
        return false;
      (void)buffer_append(buffer, ":", 1);
      if (!write_again(buffer, child, err)) return false;
    }
    return buffer_append(buffer, "}", 1);
  case JSON_ARRAY:
    (void)buffer_append(buffer, "[", 1);
    for (size_t i = 0; i < json_array_size(value); i++) {
      if (i) (void)buffer_append(buffer, ",", 1);
      if (!write_again(buffer, json_array_get(value, i), err)) return false;
    }
    return buffer_append(buffer, "]", 1);
  case JSON_STRING:
    return json_write_text(buffer, json_string_value(value), json_string_length(value), err);
  case JSON_INTEGER:
    return json_write_integer(buffer, json_integer_value(value), err);
  case JSON_REAL:
    return json_write_number(buffer, json_real_value(value), err);
  case JSON_TRUE:
    return buffer_append_text(buffer, "true");
  case JSON_FALSE:
    return buffer_append_text(buffer, "false");
  default:
    return buffer_append_text(buffer, "null");
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = {0};
  json_t *value = json_parse((const char *)data, size, &err);
  if (!value) {
    if (err.kind == ERROR_NONE) abort();
    return 0;
  }
  struct buffer once = {0};
  struct buffer twice = {0};
  if (!write_again(&once, value, &err)) abort();
  json_t *again = json_parse(once.data, once.length, &err);
  if (!again || !write_again(&twice, again, &err)) abort();
  if (once.length != twice.length) abort();
  json_decref(again);
  json_decref(value);
  buffer_free(&once);
  buffer_free(&twice);
  return 0;
}
