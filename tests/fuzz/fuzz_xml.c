/* Documents put together from markup and bytes: whatever decodes encodes again, and decodes to the same text.
 */
#include "xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const pieces[] = {
    "<a>", "</a>", "<b>", "</b>",      "<c/>", "<a x='", "' y=\"", "\">",           "'>",   "&amp;",
    "&#",  ";",    "&x;", "<![CDATA[", "]]>",  "<!--",   "-->",    "<!DOCTYPE a [", "<?p ", "?>"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct error err;
  struct buffer document = {0};
  bool whole = size && data[0] % 2; /* half of them inside one root, so that many are well-formed */
  (void)buffer_append_text(&document, whole ? "<r>" : "");
  for (size_t i = 1; i < size; i++) {
    if (data[i] < sizeof pieces / sizeof *pieces) {
      (void)buffer_append_text(&document, pieces[data[i]]);
    } else {
      (void)buffer_append(&document, data + i, 1);
    }
  }
  (void)buffer_append_text(&document, whole ? "</r>" : "");
  struct xml_node *first = xml_decode(document.data, document.length, &err);
  buffer_free(&document);
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
