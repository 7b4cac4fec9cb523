/* Whatever decodes encodes again, and decodes to the same text. */
#include "xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err;
  struct xml_node *first = xml_decode((const char *)data, size, &err);
  if (!first) return 0;
  struct buffer text = {0};
  struct buffer again = {0};
  if (xml_encode(&text, first, &err)) { /* names beyond ASCII are read but not written */
    struct xml_node *second = xml_decode(text.data, text.length, &err);
    if (!second || !xml_encode(&again, second, &err)) abort();
    if (again.length != text.length || memcmp(again.data, text.data, text.length) != 0) abort();
    xml_free(second);
  }
  xml_free(first);
  buffer_free(&text);
  buffer_free(&again);
  return 0;
}
