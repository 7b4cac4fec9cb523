/* Whatever yaml_parse accepts is a JSON value that can be written and read. */
#include "json.h"
#include "yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err = {0};
  json_t *value = yaml_parse((const char *)data, size, &err);
  if (!value) {
    if (err.kind == ERROR_NONE) abort();
    return 0;
  }
  char *text = json_dumps(value, JSON_ENCODE_ANY);
  if (!text) abort();
  json_t *again = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  if (!again || !json_equal(value, again)) abort();
  json_decref(again);
  json_decref(value);
  free(text);
  return 0;
}
