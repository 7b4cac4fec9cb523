/* What decodes has one encoding, and comes back from it. */
#include "encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef bool (*convert_fn)(struct buffer *out, const char *bytes, size_t length, struct error *err);

static void check(convert_fn decode, convert_fn encode, const char *text, size_t size, bool canonical) {
  struct buffer raw = {0};
  struct buffer encoded = {0};
  struct buffer again = {0};
  struct error err;
  if (decode(&raw, text, size, &err)) {
    if (!encode(&encoded, raw.data ? raw.data : "", raw.length, &err)) abort();
    if (canonical && (encoded.length != size || memcmp(encoded.data, text, size) != 0)) abort();
    if (!decode(&again, encoded.data ? encoded.data : "", encoded.length, &err)) abort();
    if (again.length != raw.length || (raw.length && memcmp(again.data, raw.data, raw.length) != 0)) abort();
  }
  buffer_free(&raw);
  buffer_free(&encoded);
  buffer_free(&again);
}

static bool to_uri(struct buffer *out, const char *bytes, size_t length, struct error *err) {
  return encoding_to_uri(out, bytes, length, false, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = size ? (const char *)data : "";
  check(encoding_from_base64, encoding_to_base64, text, size, true);
  check(encoding_from_hex, encoding_to_hex, text, size, false);
  check(encoding_from_uri, to_uri, text, size, false);
  return 0;
}
